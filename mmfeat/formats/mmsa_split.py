"""One split of a file of MMSA; `mmsa` draws the layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmfeat.errors import FormatError
from mmfeat.formats.imported import NOWHERE, untimed_words
from mmfeat.formats.padded_rows import filled, joined, require_numbers, stated, texts
from mmfeat.types import MODALITIES, IntArray, Modality, Utterance

SEPARATOR = "$_$"  # between video and clip
SIGNS = ("Negative", "Neutral", "Positive")  # of classification_labels 0, 1, 2
WORD_PIECES = ("input_id", "attention_mask", "segment_id")  # columns of a text that is known by text_bert alone
LABELS = {  # ours, theirs; the last three are of CH-SIMS
    "sentiment": "regression_labels",
    "label_T": "regression_labels_T",
    "label_A": "regression_labels_A",
    "label_V": "regression_labels_V",
}
KEYS = frozenset(
    "raw_text text text_bert audio vision audio_lengths vision_lengths id annotations classification_labels".split()
) | frozenset(LABELS.values())


class MmsaSplit:
    """One split of a file of MMSA: its arrays, which rows of them are real, its texts and labels.

    Raises
    ------
    FormatError
        On construction, if a key is missing or an array has another shape than it should.
    """

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        self._content, self._where = content, where
        self._require_keys()
        self.names = texts(content["id"], f"{where}/id", None)
        self.count = len(self.names)
        self.notes: list[str] = []
        self.own_rows: tuple[Modality, ...] = ("audio", "vision") if "audio_lengths" in content else ()
        pieces = self._array("text_bert") if "text_bert" in content else None
        if pieces is not None and pieces.shape[1] != len(WORD_PIECES):
            raise FormatError(f"{where}/text_bert is {pieces.shape}; expected (N, 3, T): number, mask, segment")
        self.pieces_only = "text" not in content
        self.features: dict[Modality, Any] = {
            "text": np.swapaxes(pieces, 1, 2) if pieces is not None and self.pieces_only else self._array("text"),
            "audio": self._array("audio"),
            "vision": self._array("vision"),
        }
        self.text_mask = self._mask(pieces)
        self.words = self._words()
        self.spans = self._unaligned_spans() if self.own_rows else self._aligned_spans()
        self._note_what_is_left_out()

    def _note_what_is_left_out(self) -> None:
        if self.text_mask is not None:
            self.notes.append("rows of text are word pieces: their words are unknown, raw_text is not kept")
        else:
            rows = np.diff(self.spans["text"], axis=1)[:, 0].tolist()
            unfit = sum(bool(words) and len(words) != count for words, count in zip(self.words, rows, strict=True))
            self.notes += [f"raw_text of {unfit} utterance(s) does not fit their rows; words unknown"] if unfit else []
        unread = sorted(str(key) for key in set(self._content) - KEYS)
        unread += ["text_bert (but for its mask)"] if self.text_mask is not None and not self.pieces_only else []
        self.notes += [f"not read: {', '.join(unread)}"] if unread else []

    def _require_keys(self) -> None:
        wanted = ["audio", "vision", "id", "regression_labels"]
        lengths = ["audio_lengths", "vision_lengths"]
        wanted += lengths if set(lengths) & set(self._content) else []
        wanted += [] if "text_bert" in self._content else ["text"]
        absent = [key for key in wanted if key not in self._content]
        if absent:
            found = ", ".join(map(str, self._content))
            raise FormatError(f"{self._where} has no {', '.join(absent)}; expected the keys of MMSA; it has {found}")

    def _array(self, key: str) -> Any:
        return require_numbers(self._content[key], f"{self._where}/{key}", self.count)

    def _checked(self, values: Any, key: str) -> Any:
        """One number per utterance."""
        return require_numbers(values, f"{self._where}/{key}", self.count, axes=1)

    def _mask(self, pieces: Any) -> Any:
        if pieces is None:
            return None
        if pieces.shape[2] != self.features["text"].shape[1]:
            raise FormatError(f"{self._where}/text_bert is {pieces.shape}; expected as many pieces as text has rows")
        return pieces[:, 1] != 0

    def _words(self) -> list[list[str]]:
        """Words of each utterance, where a row of text is a word and not a piece of one."""
        if self.text_mask is not None or "raw_text" not in self._content:
            return [[] for _ in range(self.count)]
        sentences = texts(self._content["raw_text"], f"{self._where}/raw_text", self.count)
        return [sentence.split()[: self.features["text"].shape[1]] for sentence in sentences]

    def _text_spans(self) -> IntArray:
        """Rows of the mask; without one those of the words, unless there are more rows than words."""
        if self.text_mask is not None:
            return filled(self.text_mask[:, :, None])
        spans = filled(self.features["text"])
        lengths = np.array([len(words) for words in self.words], dtype=np.int64)
        return np.where((lengths >= spans[:, 1])[:, None], np.stack([lengths * 0, lengths], axis=1), spans)

    def _aligned_spans(self) -> dict[Modality, IntArray]:
        lengths = sorted({values.shape[1] for values in self.features.values()})
        if len(lengths) > 1:
            raise FormatError(
                f"{self._where}: {lengths} rows in text, audio and vision; expected as many in each, or audio_lengths "
                "and vision_lengths beside them; give a pickle as MMSA reads it"
            )
        text = self._text_spans()
        spans = joined(text, filled(self.features["audio"], self.features["vision"]))
        beyond = int(((spans != text).any(axis=1) & (text[:, 1] > 0)).sum())
        if beyond:
            self.notes.append(f"rows of audio or vision where there is no text in {beyond} utterance(s); kept")
        return dict.fromkeys(MODALITIES, self._never_empty(spans))

    def _never_empty(self, spans: IntArray) -> IntArray:
        """An utterance of zeros alone is one row, so that it is not lost."""
        empty = spans[:, 1] == 0
        if empty.any():
            self.notes.append(f"zeros alone in {int(empty.sum())} utterance(s); kept as one word each, not observed")
        return np.where(empty[:, None], (0, 1), spans)

    def _unaligned_spans(self) -> dict[Modality, IntArray]:
        spans: dict[Modality, IntArray] = {"text": self._text_spans()}
        for modality in self.own_rows:
            key = f"{modality}_lengths"
            lengths = self._checked(np.asarray(self._content[key]).reshape(-1), key)
            spans[modality], outside = stated(self.features[modality], lengths.astype(np.int64))
            if outside.any():
                self.notes.append(f"rows of {modality} behind {key} in {int(outside.sum())} utterance(s); kept")
        return spans

    def class_names(self) -> list[str]:
        """Annotation of each utterance, '' where there is none."""
        if "annotations" in self._content:
            return texts(self._content["annotations"], f"{self._where}/annotations", self.count)
        if "classification_labels" not in self._content:
            return [""] * self.count
        signs = texts(self._content["classification_labels"], f"{self._where}/classification_labels", self.count)
        return [SIGNS[int(float(sign))] if sign in ("0", "1", "2", "0.0", "1.0", "2.0") else "" for sign in signs]

    def labels(self, classes: Sequence[str]) -> list[dict[str, float]]:
        """Known labels of each utterance."""
        found: list[dict[str, float]] = [{} for _ in range(self.count)]
        for ours, theirs in LABELS.items():
            if theirs in self._content:
                values = np.asarray(self._content[theirs])
                for labels, value in zip(found, self._checked(values.reshape(-1), theirs), strict=True):
                    labels |= {ours: float(value)} if np.isfinite(value) else {}
                unknown = sum(ours not in labels for labels in found)
                self.notes += [f"{theirs} of {unknown} utterance(s) not finite; unknown"] if unknown else []
        for labels, name in zip(found, self.class_names(), strict=True):
            labels |= {"annotation": float(classes.index(name))} if name else {}
        return found

    def utterances(self, split: str, classes: Sequence[str]) -> list[Utterance]:
        """The utterances, with words whose times are unknown."""
        made = []
        for number, (name, labels) in enumerate(zip(self.names, self.labels(classes), strict=True)):
            video, mark, clip = name.partition(SEPARATOR)
            rows = int(np.diff(self.spans["text"][number])[0])
            made.append(
                Utterance(
                    id=f"{video}_{clip}" if mark else name,
                    media=NOWHERE,
                    split=split,
                    dialogue=video if mark else None,
                    words=untimed_words(self.words[number], rows),
                    labels=labels,
                )
            )
        return made
