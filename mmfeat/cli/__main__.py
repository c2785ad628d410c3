"""``python -m mmfeat.cli``."""

from mmfeat.cli import main

main()
