"""What published computational sequences are called, now and in older files, and what they hold.

The files of CMU-MOSI, CMU-MOSEI, POM and IEMOCAP name one feature set in many ways: ``FACET_4.2``, ``FACET 4.2``,
``CMU_MOSEI_VisualFacet42``, ``CMU_MOSI_Visual_Facet_42.csd``. Each comes down to one canonical name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["words", "phones", "labels", "text", "audio", "vision"]

# Corpus and stream at the front say nothing about the feature set.
_PREFIX = re.compile(r"^(cmu|mosi|mosei|pom|iemocap|visual|acoustic|language|timestamped|modified)")

# Of a name in small letters and digits alone, without those prefixes; the first that fits counts.
_RULES: tuple[tuple[str, str, Kind], ...] = (
    (r"covarep", "covarep", "audio"),
    (r"opensmile(eb10|emobase2010)", "opensmile_emobase2010", "audio"),
    (r"opensmile(is09)?", "opensmile_is09", "audio"),
    (r"facet41", "facet_41", "vision"),
    (r"facet42", "facet_42", "vision"),
    (r"facet", "facet", "vision"),  # where the version is not said
    (r"openface10?", "openface_1", "vision"),
    (r"openface20?", "openface_2", "vision"),
    (r"openface", "openface", "vision"),
    (r"openfaceleft(side)?", "openface_left", "vision"),
    (r"openfaceright(side)?", "openface_right", "vision"),
    (r"(glove|word|gloveword)(vectors?|embeddings?)(11)?withsp", "glove_vectors_with_sp", "text"),
    (r"(glove|word|gloveword)(vectors?|embeddings?)(11)?", "glove_vectors", "text"),
    (r"((left|right)timestamped)?words?", "words", "words"),
    (r"phones?|phonemes?", "phones", "phones"),
    (r"(all|opinion|opinionsegment|segment|sentiment|((left|right)?emotion))?labels", "labels", "labels"),
    (r"labels(sentiment|emotions?)", "labels", "labels"),
)

SEQUENCES = tuple(dict.fromkeys(name for _, name, _ in _RULES))


@dataclass(frozen=True)
class Published:
    """A known sequence."""

    name: str
    kind: Kind


def known_as(name: str) -> Published | None:
    """Find the sequence that a root name, a file name or a key of the SDK's tables stands for.

    Parameters
    ----------
    name : str
        ``COVAREP``, ``FACET 4.2``, ``CMU_MOSI_TimestampedWordVectors_1.1.csd`` ...

    Returns
    -------
    Published or None
        None for a name that was never published.
    """
    plain = re.sub(r"[^a-z0-9]", "", re.sub(r"(\.csd)+$", "", clean_name(name).lower()))
    while True:
        for pattern, canonical, kind in _RULES:
            if re.fullmatch(pattern, plain):
                return Published(canonical, kind)
        shorter = _PREFIX.sub("", plain)
        if shorter == plain:
            return None
        plain = shorter


def clean_name(name: str) -> str:
    """Take off ``b'...'`` and quotes, which old SDK versions and plain text metadata leave around names."""
    text = name.strip()
    match = re.fullmatch(r"b(['\"])(.*)\1", text) or re.fullmatch(r"(['\"])(.*)\1", text)
    return match.group(2) if match else text
