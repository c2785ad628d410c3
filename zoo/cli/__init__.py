"""The command line of the zoo."""

from mmfeat import console
from zoo.cli import (  # noqa: F401 - commands register themselves
    benchmarking,
    exporting,
    looking,
    predicting,
    serving,
    sharing,
    testing,
    training,
    web,
)
from zoo.cli.app import app


def main() -> None:
    """Run the command line."""
    console.run(app)


__all__ = ["app", "main"]
