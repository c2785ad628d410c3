"""Settings: defaults of the model file, a YAML file over them, single values over that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmfeat import registry
from mmfeat.errors import ConfigError, UnknownName
from zoo.settings import named_configs, settle


def test_defaults_come_from_the_model_file() -> None:
    settings = settle("momke")
    assert settings.train == settings.file.TRAINING
    assert settings.missing == settings.file.MISSING
    assert settings.model == settings.file.Config()
    assert (settings.epochs(0), settings.epochs(1)) == (150, 150)


def test_later_settings_win(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("model: {hidden: 8}\ntrain: {epochs: 3, learning_rate: 1e-4, batch_size: 7}\n")
    settings = settle("aumdf", path, ["train.batch_size=5", "train.epochs=4,6", "train.batch_size = 9"])
    assert settings.model.hidden == 8
    assert settings.train.learning_rate == 1e-4
    assert settings.train.batch_size == 9
    assert (settings.epochs(0), settings.epochs(1)) == (4, 6)
    assert settings.train.patience == settings.file.TRAINING.patience
    assert settle("aumdf", path).epochs(1) == 3


def test_lists_are_given_with_commas() -> None:
    settings = settle("momke", None, ["missing.combinations=text,text+audio", "missing.rates=0.5"])
    assert settings.missing.combinations == ("text", "text+audio")
    assert settings.missing.rates == (0.5,)


def test_every_named_setting_can_be_settled_and_its_record_settles_to_the_same() -> None:
    assert "aumdf-paper" in named_configs()
    known = registry.names("zoo.models")
    for name in named_configs():
        own = name.partition("-")[0]  # settings with a model's name in front are that model's, others are for all
        for model in (own,) if own in known else known:
            settings = settle(model, name)
            record = json.loads(json.dumps(settings.record()))
            assert settle(model, record) == settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.learningrate=1", "unknown setting 'learningrate' .did you mean 'learning_rate'"),
        ("train.epochs=many", "epochs='many' is not"),
        ("train.epochs=", "epochs='' is not"),
        ("train.epochs=1,2,3", r"one number, or one per stage \(2\)"),
        ("train.epochs=0", "expected 1 or more"),
        ("train.batch_size=0", "train.batch_size 0; expected 1 or more"),
        ("train.learning_rate=-1", "more than 0"),
        ("train.learning_rate=nan", "more than 0"),
        ("train.weight_decay=-1", "0 or more"),
        ("train.clip_norm=-1", r"0 \(not clipped\) or more"),
        ("train.warmup=1", "at least 0 and less than 1"),
        ("train.validation_draws=0", "1 or more"),
        ("train.decay=linear", "none | cosine"),
        ("data.workers=-1", "0 or more"),
        ("missing.kind=some", "complete | frame_only"),
        ("missing.rates=1.5", "rate"),
        ("missing.combinations=text+smell", "smell"),
        ("trian.epochs=3", "expected SECTION.KEY=VALUE with a section of model, train, missing, data"),
        ("epochs=3", "such as train.epochs=5"),
        ("train.epochs", "such as train.epochs=5"),
        ("model.hiden=3", "did you mean 'hidden'"),
        ("model.width=7", "even multiple of heads"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_read(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        settle("aumdf", None, [change])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trian: {epochs: 3}", "section 'trian'; expected mappings .*did you mean 'train'"),
        ("train: 3", "section 'train'; expected mappings"),
        ("- 3", "list; expected sections"),
        ("", "NoneType; expected sections"),
        ("train: {epochs: 3", "expected YAML; mend the file"),
        ("train: {epoch: 3}", "did you mean 'epochs'"),
        ("train: {epochs: [3, x]}", "epochs=.* is not"),
        ("train: {select: 3}", "select=3 is not str"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        settle("aumdf", path)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="expected YAML"):
        settle("aumdf", tmp_path / "bad.yaml")
    with pytest.raises(ConfigError, match="expected a YAML file or one of .*aumdf-paper"):
        settle("aumdf", "aumdf-papre")
    with pytest.raises(UnknownName, match="did you mean aumdf"):
        settle("aumfd")
