"""Official splits: one reading of three kinds of file, none of which is ever run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from mmfeat.errors import ConfigError, FormatError, MmfeatError, SchemaError
from mmfeat.folds import find_folds, read_folds

PYTHON = (
    '# of the SDK\nstandard_train_fold=["a_1",\n "-b"]\nstandard_valid_fold = ["81406"]\nstandard_test_fold = ["c"]\n'
)
STANDARD = {"standard_train_fold": ["a_1", "-b"], "standard_valid_fold": ["81406"], "standard_test_fold": ["c"]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.json", json.dumps({"train": ["a_1", "-b"], "valid": [81406], "test": ["c"]})),
        ("f.JSON", json.dumps(STANDARD)),
        ("f.py", PYTHON),
        ("f.csv", "video_id,clip_id,mode\na_1,0,train\na_1,1,train\n-b,0,train\n81406,1,valid\nc,0,test\n"),
    ],
)
def test_every_kind_of_file_gives_the_same_folds(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)
    assert read_folds(tmp_path / name) == {"a_1": "train", "-b": "train", "81406": "valid", "c": "test"}


def test_a_python_file_is_parsed_and_never_run(tmp_path: Path):
    harm = tmp_path / "harm"
    (tmp_path / "f.py").write_text(f"open({str(harm)!r}, 'w')\n{PYTHON}")
    assert len(read_folds(tmp_path / "f.py")) == 4
    (tmp_path / "f.py").write_text(f"standard_train_fold = [open({str(harm)!r}, 'w')]\n")
    with pytest.raises(FormatError, match="expected lists of video ids, written out"):
        read_folds(tmp_path / "f.py")
    assert not harm.exists()


@pytest.mark.parametrize(
    ("name", "text", "error", "message"),
    [
        ("f.py", "standard_train_fold = [", FormatError, "written out"),
        ("f.py", PYTHON.replace("valid", "dev"), FormatError, "no videos in valid"),
        ("f.json", "{", FormatError, "expected a JSON object"),
        ("f.json", "[]", FormatError, "a JSON list"),
        ("f.json", json.dumps({"train": "a", "valid": ["b"], "test": ["c"]}), FormatError, "train is no list"),
        ("f.json", json.dumps({"train": ["a"], "valid": ["a"], "test": ["c"]}), FormatError, "'a' is in train and in"),
        ("f.csv", "video_id,mode\na,train\nb,dev\n", FormatError, "mode 'dev'"),
        ("f.csv", "video_id\na\n", SchemaError, "no column mode"),
        ("f.txt", "a\n", FormatError, r"'.txt'; expected folds as .json, .py, .csv"),
    ],
)
def test_a_broken_file_says_what_is_wrong(tmp_path: Path, name: str, text: str, error: type[MmfeatError], message: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=message):
        read_folds(tmp_path / name)


def test_bytes_that_are_no_text_and_an_absent_file_are_named(tmp_path: Path):
    (tmp_path / "f.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match=r"f\.json: .* expected UTF-8"):
        read_folds(tmp_path / "f.json")
    with pytest.raises(FormatError, match="check the path"):
        read_folds(tmp_path / "g.json")


def test_folds_are_found_in_the_folder_of_the_corpus_or_the_error_says_where_to_get_them(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"cmu_mosei_std_folds.py from the CMU-MultimodalSDK \(.*CMU_MOSEI/\)"):
        find_folds(tmp_path, "mosei")
    (tmp_path / "label.csv").touch()
    assert find_folds(tmp_path, "mosi").name == "label.csv"
    (tmp_path / "cmu_mosi_std_folds.json").touch()
    assert find_folds(tmp_path, "mosi").name == "cmu_mosi_std_folds.json"


@pytest.mark.reference
def test_the_folds_of_the_sdk_and_of_mmsa_are_the_same(shared: Path):
    folds = read_folds(shared / "mosi" / "cmu_mosi_std_folds.json")
    assert Counter(folds.values()) == {"train": 52, "valid": 10, "test": 31}
    assert read_folds(shared / "mosi" / "MOSI-label.csv") == folds
    mosei = Counter(read_folds(shared / "mosi" / "cmu_mosei_std_folds.json").values())
    assert mosei == {"train": 2249, "valid": 300, "test": 678}
