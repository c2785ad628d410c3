"""Rows of computational sequences for the words of utterances, a video at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmfeat.clip_cache import media_digest
from mmfeat.errors import FormatError
from mmfeat.formats.csd import Csd, Rows
from mmfeat.steps.csd_alignment import PAUSE, average, in_order, read_video
from mmfeat.steps.csd_labels import ALIGNED_KEY, Ledger
from mmfeat.types import (
    AlignedUtterance,
    BoolArray,
    Extractor,
    Failure,
    FloatArray,
    Modality,
    Progress,
    Provenance,
    Utterance,
)


@dataclass(frozen=True)
class Group:
    """The utterances of one video."""

    key: str  # of the video in the sequences
    members: tuple[tuple[Utterance, FloatArray], ...]  # with the spans (W, 2) s of their words


class FeatureSequence:
    """A sequence of numbers in the role of an extractor: names of its columns, and where they come from.

    Parameters
    ----------
    csd : Csd
        Open.
    modality : Modality

    Raises
    ------
    FormatError
        If no video has numbers.
    """

    frame_shift = None

    def __init__(self, csd: Csd, modality: Modality) -> None:
        widths = Counter(width for video in csd.videos if (width := csd.width(video)) is not None)
        if not widths:
            raise FormatError(f"{csd.path}: no video has features (T, D) of numbers; expected some; give another file")
        self.csd = csd
        self.modality: Modality = modality
        self.names = csd.dimension_names(widths.most_common(1)[0][0])
        name = csd.published.name if csd.published else csd.root
        self.source = Provenance(name, "csd", {"root": csd.root}, {csd.path.name: media_digest(csd.path)})

    def rows(self, key: str, spans: FloatArray) -> tuple[FloatArray, BoolArray, list[Failure]]:
        """One row per span (W, D) float32, which were observed (W,), and what was wrong."""
        rows, failures = read_video(self.csd, key, self.modality)
        nothing = np.zeros((len(spans), len(self.names)), np.float32), np.zeros(len(spans), np.bool_)
        if rows is None:
            return *nothing, failures
        if rows.features.shape[1] != len(self.names):
            reason = f"{rows.features.shape[1]} columns where most videos of {self.csd.path.name} have "
            return *nothing, [Failure(key, self.modality, f"{reason}{len(self.names)}; kept, not observed")]
        means, found = _own_rows(rows, key, spans) or average(rows, spans)
        with np.errstate(over="ignore"):
            values = means.astype(np.float32)
        sound = np.isfinite(values).all(axis=1)
        if not sound.all():
            reason = f"{int((~sound).sum())} words have means beyond the range of float32; kept, not observed"
            failures.append(Failure(key, self.modality, reason))
            values[~sound] = 0
        return values, found & sound, failures


def _own_rows(rows: Rows, key: str, spans: FloatArray) -> tuple[FloatArray, BoolArray] | None:
    """Rows of an aligned file that has them word by word; None where it is not such a file.

    Words may overlap in time, so that the mean over all rows that overlap a word would mix in those of its neighbours.
    """
    number = {span: row for row, span in enumerate(map(tuple, rows.intervals.tolist()))}
    wanted = [number.get(span, -1) for span in map(tuple, spans.tolist())]
    chosen = np.array(wanted, dtype=np.int64)
    if not ALIGNED_KEY.fullmatch(key) or set(range(len(rows.features))) != set(wanted) - {-1}:
        return None
    found = chosen >= 0
    found[found] = np.isfinite(rows.features[chosen[found]]).all(axis=1)
    values = np.zeros((len(spans), rows.features.shape[1]))
    values[found] = rows.features[chosen[found]]
    return values, found


class RowStream:
    """Gives the rows of utterance after utterance; the videos to come are read and averaged meanwhile.

    Parameters
    ----------
    groups : sequence of Group
        In the order in which their utterances will be asked for.
    sequences : sequence of FeatureSequence
    vectors : Extractor, optional
        Looks words up.
    ledger : Ledger
        Told what could not be read.
    workers : int
        Threads.
    progress : Progress, optional
    """

    def __init__(
        self,
        groups: Sequence[Group],
        sequences: Sequence[FeatureSequence],
        vectors: Extractor | None,
        ledger: Ledger,
        workers: int,
        progress: Progress | None,
    ) -> None:
        self._groups, self._sequences, self._vectors = groups, sequences, vectors
        self._ledger, self._progress = ledger, progress
        self._rows = self._aligned(workers)

    def __call__(self, utterance: Utterance) -> AlignedUtterance:
        """Rows of the next utterance."""
        aligned = next(self._rows)
        assert aligned.utterance.id == utterance.id, "utterances are asked for in the order of the groups"
        return aligned

    def close(self) -> None:
        """Stop reading ahead."""
        self._rows.close()

    def _aligned(self, workers: int) -> Generator[AlignedUtterance, None, None]:
        for done, (group, failures, rows) in enumerate(in_order(self._read, self._groups, workers), start=1):
            self._ledger.rows += failures
            if self._progress:
                self._progress("align", done, len(self._groups))
            first = 0
            for utterance, spans in group.members:
                place = slice(first, first + len(spans))
                first += len(spans)
                features = {name: values[place] for name, (values, _) in rows.items()}
                observed = {name: found[place] for name, (_, found) in rows.items()}
                if self._vectors is not None:
                    features["text"], observed["text"] = _look_up(self._vectors, utterance)
                yield AlignedUtterance(utterance, features, observed)

    def _read(self, group: Group) -> tuple[Group, list[Failure], Mapping[Modality, tuple[FloatArray, BoolArray]]]:
        spans = np.concatenate([spans for _, spans in group.members])
        failures: list[Failure] = []
        rows: dict[Modality, tuple[FloatArray, BoolArray]] = {}
        for sequence in self._sequences:
            values, found, wrong = sequence.rows(group.key, spans)
            rows[sequence.modality] = values, found
            failures += wrong
        return group, failures, rows


def _look_up(vectors: Extractor, utterance: Utterance) -> tuple[FloatArray, BoolArray]:
    """Vectors of the words; a pause is no word, though GloVe has a vector for the letters of its token."""
    frames = vectors([replace(word, text="") if word.text == PAUSE else word for word in utterance.words])
    return frames.values.astype(np.float32, copy=False), frames.observed
