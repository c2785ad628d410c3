"""Everything that mmfeat raises on purpose.

::

    MmfeatError
    ├── UnknownName          no plug-in of that name
    ├── MissingDependency    a package, weights or word vectors are not there
    ├── ConfigError          a setting is unknown, missing or of the wrong type
    ├── MediaError           a file cannot be decoded
    ├── FormatError          a transcript, subtitle or vector file is malformed
    ├── AlignmentFailed      words could not be placed in the sound
    ├── ExtractionFailed     an extractor could not do its work on one clip
    ├── SchemaError          an artefact, manifest or table breaks its rules
    └── OutputError          a file cannot be written

The text of each is ``<what> <given value>; expected <rule>; <remedy>``. The command line prints it and exits with 1.
"""

from __future__ import annotations


class MmfeatError(Exception):
    """A problem that the user can act on."""


class UnknownName(MmfeatError):
    """No plug-in has that name."""


class MissingDependency(MmfeatError):
    """A package, a weights file or a vector file is not there."""


class ConfigError(MmfeatError):
    """A setting is unknown, missing or of the wrong type."""


class MediaError(MmfeatError):
    """A media file cannot be decoded."""


class FormatError(MmfeatError):
    """A text file (transcript, subtitles, vectors, table) is malformed."""


class AlignmentFailed(MmfeatError):
    """The words of a transcript could not be placed in the sound."""


class ExtractionFailed(MmfeatError):
    """An extractor could not do its work on one clip."""


class SchemaError(MmfeatError):
    """An artefact, manifest or table breaks its rules."""


class OutputError(MmfeatError):
    """A result cannot be written."""
