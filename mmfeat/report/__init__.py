"""One page about a corpus: what it holds, what it lacks, and whether that is what was published.

The page is one HTML file. It has no script, loads nothing, and forbids the browser to: it opens offline. It holds no
date and no path of the machine, so the same artefact gives the same bytes.
"""

from mmfeat.report.page import write

__all__ = ["write"]
