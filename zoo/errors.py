"""Everything that the zoo raises on purpose, of mmfeat's family: one line on the command line, exit code 1.

::

    MmfeatError
    └── ZooError
        ├── CheckpointError      a checkpoint is not there, damaged, or of another kind
        │   └── CheckpointMismatch   it does not fit the data or the model that it is used with
        ├── DataError            an artefact cannot be trained or tested on
        ├── ExportError          a checkpoint cannot be exported
        ├── InputError           what a model is handed cannot be answered for
        └── NonFiniteLoss        training produced NaN or infinity

Settings go through `mmfeat.errors.ConfigError`, files that cannot be written through ``OutputError``.
"""

from __future__ import annotations

from mmfeat.errors import MmfeatError


class ZooError(MmfeatError):
    """A problem of training, testing or serving that the user can act on."""


class CheckpointError(ZooError):
    """A checkpoint is not there, damaged, or of another kind."""


class CheckpointMismatch(CheckpointError):
    """A checkpoint does not fit the data or the model that it is used with."""


class DataError(ZooError):
    """An artefact cannot be trained or tested on."""


class ExportError(ZooError):
    """A checkpoint cannot be exported: the graph would answer otherwise, or its place is taken."""


class InputError(ZooError):
    """What a model is handed cannot be answered for."""


class NonFiniteLoss(ZooError):
    """Training produced NaN or infinity."""
