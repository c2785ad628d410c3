"""The command line: every command parses, calls the library, and shows what came back."""

from mmfeat import console
from mmfeat.cli import clips, csd, exchange, look, masks, report
from mmfeat.cli.app import app

__all__ = ["app", "clips", "csd", "exchange", "look", "main", "masks", "report"]


def main() -> None:
    """Run the command line."""
    console.run(app)
