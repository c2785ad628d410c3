"""Missing data, drawn once for everybody: ``kept = observed & ~dropped``.

``observed`` is the corpus's own, natural mask, ``dropped`` is what a protocol takes away. `draw` gives the mask of one
protocol over a split, `write` puts any number of them into one HDF5 file, `MaskFile` reads them back and refuses rows
that they were not drawn for. No draw takes the last modality that an utterance was naturally observed in, and none that
drops rows takes the last one of a modality. docs/masks.md has the protocols, the generator and the file, byte by byte.
"""

from mmfeat.missing.drawing import Mask, draw, key
from mmfeat.missing.identity import mask_id, rows_digest
from mmfeat.missing.mask_file import MaskFile, Stored, write
from mmfeat.missing.plan import DEFAULT, Entry, Job, draw_all, jobs, parse
from mmfeat.missing.protocols import PROTOCOLS

__all__ = [
    "DEFAULT",
    "PROTOCOLS",
    "Entry",
    "Job",
    "Mask",
    "MaskFile",
    "Stored",
    "draw",
    "draw_all",
    "jobs",
    "key",
    "mask_id",
    "parse",
    "rows_digest",
    "write",
]
