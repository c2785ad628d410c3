"""Utterances to frames, through the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from mmfeat import frame_store, registry
from mmfeat.clip_cache import ClipCache, media_digest
from mmfeat.faces import VERSION as FACES_VERSION
from mmfeat.faces import FaceConfig, FaceTrack, load_track, save_track, track_face, untracked, with_settings
from mmfeat.media import read_waveform
from mmfeat.steps import pool
from mmfeat.steps.ledger import reason_of
from mmfeat.types import (
    AudioExtractor,
    Extractor,
    Failure,
    Frames,
    Progress,
    Provenance,
    SidecarExtractor,
    Utterance,
    Waveform,
)


@dataclass(frozen=True)
class ExtractorChoice:
    """One extractor and its settings, as the user chose them; small enough to send to another process."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    faces: Mapping[str, Any] = field(default_factory=dict)  # settings of the face track, for vision

    def build(self) -> Extractor:
        """Make the extractor.

        Raises
        ------
        UnknownName, ConfigError, MissingDependency
            As `registry.build`.
        """
        built: Extractor = registry.build("mmfeat.extractors", self.name, self.settings)
        return built

    def face_config(self) -> FaceConfig:
        """Make the settings of the face track."""
        config: FaceConfig = registry.configure(FaceConfig, self.faces, owner="faces")
        return config

    def source(self, extractor: Extractor) -> Provenance:
        """What makes the frames: ``extractor``, as `build` gives it, and for one that sees faces how they are found."""
        if extractor.modality == "vision" and _sidecar_reader(extractor) is None:
            return with_settings(extractor.source, self.face_config())
        return extractor.source


@dataclass(frozen=True)
class Extracted:
    """Where the frames of each utterance lie in the cache, and what made them."""

    names: tuple[str, ...]
    frame_shift: float | None
    source: Provenance
    paths: Mapping[str, Path]

    def get(self, utterance_id: str) -> Frames | None:
        """Frames of one utterance; None where its extraction failed."""
        path = self.paths.get(utterance_id)
        return frame_store.read_npz(path) if path else None


def extract_frames(
    utterances: Sequence[Utterance],
    choice: ExtractorChoice,
    extractor: Extractor,
    cache: ClipCache,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Extracted, list[Failure]]:
    """Run one extractor over utterances that have their words.

    Parameters
    ----------
    utterances : sequence of Utterance
    choice : ExtractorChoice
        What worker processes build for themselves.
    extractor : Extractor
        The same, built here.
    cache : ClipCache
    workers : int
        Processes.
    progress : Progress, optional

    Returns
    -------
    frames : Extracted
    failures : list of Failure
        Stage is the extractor's name.
    """
    task = _ExtractClip(choice, extractor, cache)
    paths: dict[str, Path] = {}
    failures: dict[int, Failure] = {}
    for position, result in pool.run(task, utterances, workers):
        utterance = utterances[position]
        if isinstance(result, BaseException):
            failures[position] = Failure(utterance.id, choice.name, reason_of(result))
        else:
            paths[utterance.id] = result
        if progress:
            progress(choice.name, len(paths) + len(failures), len(utterances))
    extracted = Extracted(extractor.names, extractor.frame_shift, choice.source(extractor), paths)
    return extracted, [failures[key] for key in sorted(failures)]


def store_frames(extracted: Extracted, utterances: Sequence[Utterance], path: Path) -> None:
    """Gather the frames of a corpus from the cache into one file, in the order of the manifest."""
    with frame_store.writing(path, extracted.names, extracted.source, extracted.frame_shift) as writer:
        for utterance in utterances:
            frames = extracted.get(utterance.id)
            if frames is not None:
                writer.append(utterance.id, frames)


def frames_of(utterance: Utterance, choice: ExtractorChoice, extractor: Extractor) -> Frames:
    """Run one extractor on one utterance, without the cache."""
    return _frames(utterance, extractor, lambda u: _track(u, choice.face_config()))


class _ExtractClip:
    """The work on one utterance: its frames, in the cache, by path."""

    def __init__(self, choice: ExtractorChoice, extractor: Extractor, cache: ClipCache) -> None:
        self._choice = choice
        self._cache = cache
        self._built: Extractor | None = extractor
        self._source = asdict(extractor.source)
        self._modality = extractor.modality
        self._faces = choice.face_config()
        self._reads_sidecar = _sidecar_reader(extractor) is not None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": None}

    def __call__(self, utterance: Utterance) -> Path:
        path = self._cache.path(self._choice.name, self._key(utterance), ".npz")
        if not path.exists():
            frame_store.write_npz(_frames(utterance, self._extractor(), self._cached_track), path)
        return path

    def _extractor(self) -> Extractor:
        if self._built is None:
            self._built = self._choice.build()
        return self._built

    def _key(self, utterance: Utterance) -> dict[str, Any]:
        if self._modality == "text":
            said = [[word.text, word.start, word.end] for word in utterance.words]
            return {"source": self._source, "words": said}
        if self._modality == "audio":
            return {"source": self._source, "media": media_digest(utterance.heard_in), "span": _span(utterance)}
        if self._reads_sidecar:
            return {"source": self._source, **self._sidecar_key(utterance)}
        return {"source": self._source, **self._track_key(utterance)}

    def _sidecar_key(self, utterance: Utterance) -> dict[str, Any]:
        path = cast(SidecarExtractor, self._extractor()).sidecar(utterance.media, utterance.half)
        # Of a file that is not there the extractor itself says so, and no result gets this key.
        return {"sidecar": media_digest(path) if path.is_file() else None, "span": _span(utterance)}

    def _track_key(self, utterance: Utterance) -> dict[str, Any]:
        faces = [FACES_VERSION, asdict(self._faces)]
        key = {"media": media_digest(utterance.media), "span": _span(utterance), "faces": faces}
        # Without one the key is that of before there were halves: what was computed then is found.
        return key if utterance.half is None else {**key, "half": utterance.half}

    def _cached_track(self, utterance: Utterance) -> FaceTrack:
        """The face of one clip is tracked once for every vision extractor."""
        path = self._cache.path("faces", self._track_key(utterance), ".npz")
        if not path.exists():
            save_track(_track(utterance, self._faces), path)
        return load_track(path, utterance.media)


def _track(utterance: Utterance, config: FaceConfig) -> FaceTrack:
    return track_face(utterance.media, config, utterance.start, utterance.end, utterance.half)


def _sidecar_reader(extractor: Extractor) -> SidecarExtractor | None:
    """The extractor, if it reads another program's file and not the clip."""
    return cast(SidecarExtractor, extractor) if hasattr(extractor, "sidecar") else None


def _span(utterance: Utterance) -> list[float | None]:
    return [utterance.start, utterance.end]


def _frames(utterance: Utterance, extractor: Extractor, track: Callable[[Utterance], FaceTrack]) -> Frames:
    """Decode what the extractor's modality needs and run it."""
    if extractor.modality == "text":
        return extractor(utterance.words)
    if _sidecar_reader(extractor) is not None:
        return extractor(untracked(utterance.media, FaceConfig(), utterance.start, utterance.end, utterance.half))
    if extractor.modality == "vision":
        return extractor(track(utterance))
    rate = cast(AudioExtractor, extractor).sample_rate
    waveform = read_waveform(utterance.heard_in, rate, utterance.start, utterance.end)
    return extractor(waveform or Waveform(np.zeros(0, dtype=np.float32), rate, utterance.start))
