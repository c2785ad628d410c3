"""The artefact: one HDF5 file per corpus, the only door between features and models.

`schema` draws the layout. Files are written beside their place and renamed, hold no time stamps, and are the same bytes
for the same input. An `Artifact` opens its file lazily, once per process, so that it can be handed to data-loader
workers.
"""

from mmfeat.artifact.own_rows import OwnRows, PaddedRows
from mmfeat.artifact.reading import Artifact, Padded, Split
from mmfeat.artifact.validation import validate
from mmfeat.artifact.writing import Description, describe_extractor, write

__all__ = [
    "Artifact",
    "Description",
    "OwnRows",
    "Padded",
    "PaddedRows",
    "Split",
    "describe_extractor",
    "validate",
    "write",
]
