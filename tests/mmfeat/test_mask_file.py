"""The mask file: what goes in comes out, other programs can read it, and it fits one corpus only."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from mmfeat import missing
from mmfeat.errors import OutputError, SchemaError
from mmfeat.missing import Mask, MaskFile
from mmfeat.types import MODALITIES, ObservedRows


def corpus(count: int, seed: int) -> ObservedRows:
    """A corpus with gaps whose audio has rows of its own."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 12, count)
    offsets = {name: np.concatenate([[0], np.cumsum(words * (3 if name == "audio" else 1))]) for name in MODALITIES}
    observed = {name: rng.random(offsets[name][-1]) < 0.8 for name in MODALITIES}
    return ObservedRows(tuple(f"u{seed}_{number}" for number in range(count)), offsets, observed)


@pytest.fixture
def splits() -> dict[str, ObservedRows]:
    return {"train": corpus(21, 1), "test": corpus(9, 2)}


@pytest.fixture
def drawn(splits: dict[str, ObservedRows]) -> list[tuple[str, Mask]]:
    """All of the default plan."""
    return [
        (job.split, missing.draw(job.protocol, splits[job.split], job.parameters, job.seed, "made", job.variant))
        for job in missing.jobs(missing.DEFAULT, tuple(splits))
    ]


@pytest.fixture
def path(tmp_path: Path, splits: dict[str, ObservedRows], drawn: list[tuple[str, Mask]]) -> Path:
    missing.write(tmp_path / "masks.h5", "made", splits, drawn)
    return tmp_path / "masks.h5"


def test_every_mask_comes_back_as_it_was_drawn(path, splits, drawn):
    masks = MaskFile(path)
    assert masks.dataset == "made"
    for split, mask in drawn:
        kept = masks.kept(split, mask.key, splits[split])
        for name in MODALITIES:
            np.testing.assert_array_equal(kept[name], mask.kept[name])
        np.testing.assert_array_equal(masks.spared(split, mask.key), mask.spared)


def test_the_list_says_what_was_drawn_and_what_was_really_dropped(path, splits, drawn):
    stored = {(entry.split, entry.key): entry for entry in MaskFile(path).stored()}
    assert len(stored) == len(drawn) == 70
    for split, mask in drawn:
        entry = stored[split, mask.key]
        assert (entry.mask_id, entry.protocol, entry.seed) == (mask.mask_id, mask.protocol, mask.seed)
        assert entry.parameters == mask.parameters
        assert entry.spared == mask.spared.sum()
        for name in MODALITIES:
            observed = splits[split].observed[name]
            assert entry.dropped_rows[name] == pytest.approx((observed & ~mask.kept[name]).sum() / observed.sum())
    half = stored["train", missing.key("random_modality", {"rate": 0.5})]
    assert half.dropped_modalities == pytest.approx(0.5, abs=0.51 / sum(half.observed_utterances.values()))


def test_the_same_masks_give_the_same_bytes(path, tmp_path, splits, drawn):
    missing.write(tmp_path / "again.h5", "made", splits, iter(drawn))
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_the_reader_in_the_documentation_reads_it(path, splits, drawn, root, monkeypatch):
    monkeypatch.chdir(path.parent)
    blocks = re.findall(r"```python\n(import h5py.*?)```", (root / "docs" / "masks.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    found: dict[str, dict[str, np.ndarray]] = {}
    exec(blocks[0], found)
    mask = next(
        mask for split, mask in drawn if (split, mask.key.partition(",seed")[0]) == ("test", "frame_drop,rate=0.3")
    )
    parts = np.split(mask.kept["audio"], splits["test"].offsets["audio"][1:-1])
    assert tuple(found["per_utterance"]) == splits["test"].ids
    for part, name in zip(parts, splits["test"].ids, strict=True):
        np.testing.assert_array_equal(found["per_utterance"][name], part)


def test_rows_of_another_corpus_are_refused_with_the_first_difference(path, splits):
    rows, masks, key = splits["test"], MaskFile(path), missing.key("natural")
    renamed = ObservedRows((*rows.ids[:4], "new", *rows.ids[5:]), rows.offsets, rows.observed)
    with pytest.raises(SchemaError, match="first difference is 'u2_4' where 'new' stands now"):
        masks.kept("test", key, renamed)
    fewer = ObservedRows(
        rows.ids[:-1],
        {name: rows.offsets[name][:-1] for name in MODALITIES},
        {name: rows.observed[name][: rows.offsets[name][-2]] for name in MODALITIES},
    )
    with pytest.raises(SchemaError, match="9 ids, now 8"):
        masks.kept("test", key, fewer)
    unseen = ObservedRows(rows.ids, rows.offsets, {**rows.observed, "text": ~rows.observed["text"]})
    with pytest.raises(SchemaError, match="other rows are observed; expected the corpus that it was drawn for"):
        masks.kept("test", key, unseen)
    word_audio = ObservedRows(
        rows.ids, {**rows.offsets, "audio": rows.offsets["text"]}, {**rows.observed, "audio": rows.observed["text"]}
    )
    with pytest.raises(SchemaError, match="rows of audio, now"):
        masks.kept("test", key, word_audio)
    text = ObservedRows(rows.ids, {"text": rows.offsets["text"]}, {"text": rows.observed["text"]})
    with pytest.raises(SchemaError, match="audio is only in one of them"):
        masks.kept("test", key, text)


def test_rows_are_checked_again_after_others_were_read(path, splits):
    masks, key = MaskFile(path), missing.key("natural")
    masks.kept("test", key, splits["test"])
    with pytest.raises(SchemaError, match="split test was drawn for another corpus"):
        masks.kept("test", key, splits["train"])


def test_an_unknown_mask_or_split_is_refused_with_what_there_is(path, splits):
    masks = MaskFile(path)
    with pytest.raises(SchemaError, match=r"no mask 'burst,rate=0.55.*expected for instance burst,rate=0.1"):
        masks.kept("test", missing.key("burst", {"rate": 0.55}), splits["test"])
    with pytest.raises(SchemaError, match="no split 'valid'; expected one of test, train"):
        masks.kept("valid", missing.key("natural"), splits["test"])


def test_a_truncated_file_is_refused(path):
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(SchemaError, match=r"cannot open .*truncated.*make one with 'mmfeat mask'"):
        MaskFile(path)


def test_a_flipped_bit_is_noticed(path, splits):
    key = missing.key("frame_drop", {"rate": 0.5})
    with h5py.File(path, "r+") as file:
        file["test"]["masks"][key]["kept"]["vision"][0] ^= 4
    with pytest.raises(SchemaError, match=r"the bits of .*vision are damaged"):
        MaskFile(path).kept("test", key, splits["test"])


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all"])
def test_what_is_no_mask_file_is_refused(tmp_path, content):
    (tmp_path / "other.h5").write_bytes(content)
    with pytest.raises(SchemaError, match="expected a mask file"):
        MaskFile(tmp_path / "other.h5")


def test_a_missing_file_and_an_artefact_are_refused(tmp_path, tiny_artifact):
    with pytest.raises(SchemaError, match="no such file"):
        MaskFile(tmp_path / "nowhere.h5")
    with pytest.raises(SchemaError, match="mask file version none; expected 1"):
        MaskFile(tiny_artifact)


def test_a_draw_that_fails_half_way_leaves_the_old_file(path, splits, drawn):
    before = path.read_bytes()

    def failing():
        yield drawn[0]
        raise OutputError("the disk is gone")

    with pytest.raises(OutputError):
        missing.write(path, "made", splits, failing())
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_attributes_say_everything_in_plain_types(path):
    with h5py.File(path, "r") as file:
        group = file["train"]["masks"]["burst,rate=0.4,seed=0,variant=0"]
        assert json.loads(group.attrs["parameters"]) == {
            "rate": 0.4,
            "mean_length": 5.0,
            "modalities": list(MODALITIES),
        }
        assert len(group.attrs["mask_id"]) == 64
        assert {name: value.dtype for name, value in group["kept"].items()} == dict.fromkeys(MODALITIES, np.uint8)
