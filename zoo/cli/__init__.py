"""The command line of the zoo."""

from mmfeat import console
from zoo.cli import benchmarking, looking, testing, training  # noqa: F401 - commands register themselves
from zoo.cli.app import app


def main() -> None:
    """Run the command line."""
    console.run(app)


__all__ = ["app", "main"]
