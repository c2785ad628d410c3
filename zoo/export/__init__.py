"""From a checkpoint to an ONNX graph that needs no torch to answer, and back to answers.

`export` writes a folder: graph, card, normalisation, and what was measured on the way. `Session` opens it.
"""

from zoo.export.exporting import export
from zoo.export.folder import GRAPH, Exported
from zoo.export.session import Session
from zoo.export.summary import summary_text

__all__ = ["GRAPH", "Exported", "Session", "export", "summary_text"]
