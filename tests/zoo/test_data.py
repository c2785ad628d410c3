"""What a model is given, against a slow construction from single utterances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from zoo_corpora import DIMS, ROWS, write_corpus

from mmfeat import missing
from mmfeat.artifact import Artifact
from mmfeat.errors import SchemaError
from mmfeat.types import MODALITIES, AlignedUtterance
from zoo.data import (
    Corpus,
    Loader,
    Part,
    draw_for,
    find_artefact,
    fit_normalisation,
    group_items,
    kept_from,
    open_corpus,
    view,
)
from zoo.data.normalisation import LARGEST, Normalisation
from zoo.errors import DataError
from zoo.types import Batch, Level, Missing

Kept = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("data") / "small.h5")


@pytest.fixture(scope="module")
def corpus(path: Path) -> Corpus:
    return open_corpus(path)


def single(path: Path, part: Part) -> list[AlignedUtterance]:
    with Artifact(path) as file:
        return [file.utterance(name) for name in part.rows.ids]


def dropped(part: Part, seed: int = 0) -> Kept:
    rng = np.random.default_rng(seed)
    return {name: rows & (rng.random(len(rows)) < 0.5) for name, rows in part.rows.observed.items()}


def scaled(part: Part) -> Callable[[str, np.ndarray], np.ndarray]:
    """Normalisation as one would write it down."""
    fits = {}
    for name, values in part.features.items():
        seen = values[part.rows.observed[name]].astype(np.float64)
        fits[name] = seen.mean(0), seen.std(0)

    def scale(name: str, values: np.ndarray) -> np.ndarray:
        mean, deviation = fits[name]
        return np.clip((values - mean) / np.where(deviation > 1e-6, deviation, 1), -LARGEST, LARGEST)

    return scale


def rows_of(kept: Kept, part: Part, number: int, name: str) -> np.ndarray:
    offsets = part.rows.offsets[name]
    return kept[name][offsets[number] : offsets[number + 1]]


def batches(part: Part, level: Level, kept: Kept | None, size: int = 5, **options: int) -> list[Batch]:
    items = group_items(part, level, fit_normalisation(part), **options)
    return list(Loader(view(items, kept), size).in_order())


@pytest.mark.parametrize("max_words", [0, 3])
def test_batches_of_words_are_what_the_utterances_say(path: Path, corpus: Corpus, max_words: int) -> None:
    part = corpus.part("train")
    ones, kept, scale = single(path, part), dropped(part), scaled(part)
    seen = 0
    for batch in batches(part, "words", kept, max_words=max_words):
        for row, number in enumerate(batch.numbers.tolist()):
            one = ones[number]
            count = min(len(one.utterance.words), max_words or 99)
            assert batch.mask[row].tolist() == [True] * count + [False] * (batch.mask.shape[1] - count)
            for column, name in enumerate(MODALITIES):
                values = scale(name, one.features[name])
                for place in range(batch.mask.shape[1]):
                    real = place < count
                    observed = real and bool(one.observed[name][place])
                    stays = real and bool(rows_of(kept, part, number, name)[place])
                    assert batch.observed[row, place, column] == observed
                    assert batch.kept[row, place, column] == stays
                    for table, there in ((batch.full, observed), (batch.features, stays)):
                        expected = values[place] if there else np.zeros(DIMS[name])
                        np.testing.assert_allclose(table[name][row, place], expected, atol=1e-5)
            label = one.utterance.labels.get("sentiment")
            assert batch.known[row].tolist() == [label is not None]
            assert batch.targets[row].tolist() == pytest.approx([label or 0.0])
            seen += 1
        assert batch.speakers is None
    assert seen == len(part.rows.ids)


def test_vectors_of_a_dialogue_are_means_over_the_rows_that_are_kept(path: Path, corpus: Corpus) -> None:
    part = corpus.part("train")
    ones, kept, scale = single(path, part), dropped(part), scaled(part)
    found: list[int] = []
    for batch in batches(part, "dialogue", kept, size=3):
        for row in range(len(batch.mask)):
            numbers = [number for number in batch.numbers[row].tolist() if number >= 0]
            found += numbers
            assert batch.mask[row].sum() == len(numbers)
            names = {ones[number].utterance.dialogue for number in numbers}
            assert len(names) == 1
            assert len(numbers) == 1 or names != {None}
            assert [ones[n].utterance.turn for n in numbers] == sorted(ones[n].utterance.turn for n in numbers)
            spoken = list(dict.fromkeys(ones[number].utterance.speaker for number in numbers))
            for place, number in enumerate(numbers):
                assert batch.speakers is not None
                assert batch.speakers[row, place] == spoken.index(ones[number].utterance.speaker)
                label = ones[number].utterance.labels.get("sentiment")
                assert batch.known[row, place].tolist() == [label is not None]
                assert batch.targets[row, place].tolist() == pytest.approx([label or 0.0])
                for column, name in enumerate(MODALITIES):
                    values = scale(name, ones[number].features[name])
                    observed, stays = ones[number].observed[name], rows_of(kept, part, number, name)
                    assert batch.observed[row, place, column] == observed.any()
                    assert batch.kept[row, place, column] == stays.any()
                    for table, flags in ((batch.full, observed), (batch.features, stays)):
                        mean = values[flags].mean(0) if flags.any() else np.zeros(DIMS[name])
                        np.testing.assert_allclose(table[name][row, place], mean, atol=1e-5)
            behind = ~batch.mask[row]
            for padding in (batch.observed, batch.kept, batch.known, batch.targets, *batch.full.values()):
                assert not padding[row][behind].any()
    assert sorted(found) == list(range(len(part.rows.ids)))


def test_observed_and_simulated_masks_stay_apart(corpus: Corpus) -> None:
    part = corpus.part("valid")
    nothing = {name: np.zeros_like(rows) for name, rows in part.rows.observed.items()}
    for level in ("words", "dialogue"):
        for plain, bare in zip(batches(part, level, None), batches(part, level, nothing), strict=True):
            assert torch.equal(plain.observed, bare.observed)
            assert not bare.kept.any()
            assert not any(values.any() for values in bare.features.values())
            for name in MODALITIES:
                assert torch.equal(plain.full[name], bare.full[name])
                assert torch.equal(plain.full[name], bare.complete().features[name])


def test_an_utterance_of_no_words_is_all_padding(corpus: Corpus) -> None:
    part = corpus.part("train")
    empty = int(np.flatnonzero(np.diff(part.rows.offsets["text"]) == 0)[0])
    items = group_items(part, "words", fit_normalisation(part))
    batch = view(items, None).batch(np.array([empty]))
    assert batch.mask.tolist() == [[False]]
    assert not batch.observed.any()


def test_normalisation_sees_observed_training_rows_alone(tmp_path: Path, corpus: Corpus) -> None:
    elsewhere = write_corpus(tmp_path / "b.h5", shift={"valid": 50.0, "test": -70.0}, hidden=99.0)
    before, after = (fit_normalisation(entry.part("train")) for entry in (corpus, open_corpus(elsewhere)))
    assert before.state().keys() == after.state().keys()
    assert all(torch.equal(values, after.state()[name]) for name, values in before.state().items())
    moved = open_corpus(write_corpus(tmp_path / "c.h5", shift={"train": 50.0}))
    assert not torch.equal(fit_normalisation(moved.part("train")).mean["text"], before.mean["text"])


def test_rows_that_were_not_observed_are_zero_whatever_stands_there(tmp_path: Path) -> None:
    part = open_corpus(write_corpus(tmp_path / "a.h5", hidden=99.0)).part("train")
    for level in ("words", "dialogue"):
        for batch in batches(part, level, None):
            for column, name in enumerate(MODALITIES):
                assert not batch.full[name][~batch.observed[..., column]].any()


def test_a_constant_dimension_and_an_absent_modality_stay_finite_and_outliers_are_cut() -> None:
    scale = Normalisation({"text": torch.zeros(2)}, {"text": torch.tensor([1.0, 0.001])})
    assert scale("text", torch.tensor([[3.0, 5.0]])).tolist() == [[3.0, LARGEST]]
    restored = Normalisation.from_state(scale.state())
    assert torch.equal(restored.deviation["text"], scale.deviation["text"])


def test_a_named_split_reads_the_right_utterances_of_several_groups(path: Path) -> None:
    corpus = open_corpus(path, split="other")
    with Artifact(path) as file:
        everybody = [one for split in file.splits for one in file.utterances(split)]
        for name in ("train", "valid", "test"):
            part = corpus.part(name)
            expected = [one for one in everybody if one.parts.get("other") == name]
            assert len({one.split for one in expected}) == 3
            assert part.rows.ids == tuple(one.id for one in expected)
            assert part.speakers == tuple(one.speaker for one in expected)
            assert part.turns.tolist() == [one.turn for one in expected]
            for number, one in enumerate(expected):
                for modality in MODALITIES:
                    rows = slice(*part.rows.offsets[modality][number : number + 2])
                    aligned = file.utterance(one.id)
                    np.testing.assert_array_equal(part.features[modality][rows], aligned.features[modality])
                    np.testing.assert_array_equal(part.rows.observed[modality][rows], aligned.observed[modality])
                assert part.targets[number, 0] == np.float32(one.labels.get("sentiment", 0.0))


def masks_of(path: Path, file: Path, protocol: str, parameters: dict[str, object]) -> tuple[missing.MaskFile, str]:
    with Artifact(path) as artefact:
        rows = {split: artefact.observed(split) for split in artefact.splits}
    drawn = [(split, missing.draw(protocol, rows[split], parameters, 0, "small")) for split in rows]
    missing.write(file, "small", rows, drawn)
    return missing.MaskFile(file), drawn[0][1].key


@pytest.mark.parametrize(
    ("protocol", "parameters"), [("frame_drop", {"rate": 0.5}), ("modality_combination", {"kept": "audio"})]
)
def test_a_mask_of_a_named_split_is_the_one_drawn_for_its_utterances(
    path: Path, tmp_path: Path, protocol: str, parameters: dict[str, object]
) -> None:
    masks, key = masks_of(path, tmp_path / "m.h5", protocol, parameters)
    corpus = open_corpus(path, split="other")
    part = corpus.part("test")
    kept, spared = kept_from(masks, key, corpus, part)
    drawn = missing.draw(protocol, part.rows, parameters, 0, "small")
    assert 0 < sum(values.sum() for values in kept.values()) < sum(v.sum() for v in part.rows.observed.values())
    np.testing.assert_array_equal(spared, drawn.spared)
    for name in MODALITIES:
        np.testing.assert_array_equal(kept[name], drawn.kept[name])


def test_masks_of_another_corpus_are_refused(path: Path, tmp_path: Path) -> None:
    other = write_corpus(tmp_path / "other.h5", sizes={"train": 20, "valid": 16, "test": 16})
    masks, key = masks_of(other, tmp_path / "m.h5", "natural", {})
    corpus = open_corpus(path)
    with pytest.raises(SchemaError, match="drawn for another corpus"):
        kept_from(masks, key, corpus, corpus.part("train"))


def test_the_declared_distribution_is_drawn_anew_for_every_epoch_and_seed(corpus: Corpus) -> None:
    rows = corpus.part("train").rows
    mixed = Missing()

    def flags(seed: int, epoch: int) -> tuple[bytes, str]:
        kept, name = draw_for(mixed, rows, "small", seed, epoch)
        assert all(not (kept[m] & ~rows.observed[m]).any() for m in MODALITIES)
        return b"".join(kept[m].tobytes() for m in MODALITIES), name

    assert flags(1, 1) == flags(1, 1)
    assert len({flags(1, 1), flags(1, 2), flags(2, 1)}) == 3
    assert flags(1, 1)[1]
    assert draw_for(Missing("complete"), rows, "small", 1, 1)[1] == ""
    fixed, _ = draw_for(Missing("modality_only", combinations=("audio",)), rows, "small", 1, 1)
    assert fixed["audio"].sum() == rows.observed["audio"].sum()
    assert fixed["text"].sum() < rows.observed["text"].sum() / 4


def test_rows_that_are_not_words_are_refused_for_words_and_averaged_for_dialogues(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "own.h5", own=("audio",))
    corpus = open_corpus(path)
    part = corpus.part("train")
    assert not corpus.aligned
    with pytest.raises(DataError, match="rows of audio are not the words"):
        group_items(part, "words", fit_normalisation(part))
    scale, ones = scaled(part), single(path, part)
    for batch in batches(part, "dialogue", None):
        for row, place in batch.mask.nonzero().tolist():
            one = ones[int(batch.numbers[row, place])]
            assert len(one.features["audio"]) == ROWS
            seen = scale("audio", one.features["audio"])[one.observed["audio"]]
            expected = seen.mean(0) if len(seen) else np.zeros(DIMS["audio"])
            np.testing.assert_allclose(batch.full["audio"][row, place], expected, atol=1e-5)


def test_a_corpus_of_text_alone_lacks_the_others_but_has_their_masks(tmp_path: Path) -> None:
    corpus = open_corpus(write_corpus(tmp_path / "text.h5", modalities=("text",)))
    part = corpus.part("train")
    kept, _ = draw_for(Missing(), part.rows, "small", 0, 1)
    for level in ("words", "dialogue"):
        for batch in batches(part, level, kept):
            assert set(batch.features) == set(batch.full) == {"text"}
            assert batch.observed.shape[-1] == 3
            assert not batch.observed[..., 1:].any()
            assert torch.equal(batch.observed.any(-1), batch.observed[..., 0])


def test_a_model_of_dialogues_needs_dialogues(tmp_path: Path) -> None:
    part = open_corpus(write_corpus(tmp_path / "loose.h5", dialogues=False)).part("train")
    with pytest.raises(DataError, match="no utterance names its dialogue"):
        group_items(part, "dialogue", fit_normalisation(part))


@pytest.mark.parametrize(
    ("target", "kind", "outputs"), [(None, "score", 1), ("emotion", "classes", 3), ("happy, sad", "binary", 2)]
)
def test_the_target_decides_the_task(path: Path, target: str | None, kind: str, outputs: int) -> None:
    corpus = open_corpus(path, target)
    assert (corpus.task.kind, corpus.task.outputs) == (kind, outputs)
    part = corpus.part("train")
    assert part.targets.shape == part.known.shape == (48, len(corpus.task.targets))
    assert not part.targets[~part.known].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "sentimen"}, "did you mean 'sentiment'"),
        ({"target": "happy,sentiment"}, "several that are only 0 or 1"),
        ({"split": "session5"}, "no split 'session5'; expected one of official, other"),
    ],
)
def test_what_is_not_there_is_named(path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_corpus(path, **options)


def test_a_choice_of_labels_is_asked_for_where_the_artefact_has_no_default(tmp_path: Path) -> None:
    several = write_corpus(tmp_path / "a.h5", target="")
    with pytest.raises(DataError, match="emotion, happy, sad, sentiment and none by default"):
        open_corpus(several)
    assert open_corpus(write_corpus(tmp_path / "b.h5", target="", labels=("sad",))).task.targets == ("sad",)


def test_an_unlabelled_part_and_an_absent_one_are_refused(tmp_path: Path) -> None:
    corpus = open_corpus(write_corpus(tmp_path / "a.h5", sizes={"train": 6, "valid": 4}))
    with pytest.raises(DataError, match="'official' has train, valid, no test"):
        corpus.part("test")
    bare = open_corpus(write_corpus(tmp_path / "b.h5", labels=("sad",), target="sad"))
    with pytest.raises(DataError, match="no label sentiment"):
        open_corpus(bare.path, "sentiment")


def test_a_dataset_is_found_by_name_or_path(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_artefact(path) == path
    with pytest.raises(DataError, match="'dvc repro' makes those"):
        find_artefact("small")
    folder = tmp_path / "data" / "aligned"
    folder.mkdir(parents=True)
    (folder / "small.h5").write_bytes(path.read_bytes())
    assert find_artefact("small") == Path("data/aligned/small.h5")
    with pytest.raises(DataError, match="such as small"):
        find_artefact("smal")
