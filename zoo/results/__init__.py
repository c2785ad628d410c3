"""What `zoo benchmark` and `zoo evaluate` leave behind: tables, pictures, and the published figures beside them."""

from zoo.results.collected import Results, Runs, collect
from zoo.results.comparing import Comparison, compare
from zoo.results.writing import summary_text, write

__all__ = ["Comparison", "Results", "Runs", "collect", "compare", "summary_text", "write"]
