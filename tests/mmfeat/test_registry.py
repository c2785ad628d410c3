"""Plug-ins by file name, and settings to frozen dataclasses, with a package of plug-ins made for each test."""

from __future__ import annotations

import importlib
import sys
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Literal

import pytest

from mmfeat import registry
from mmfeat.errors import ConfigError, MissingDependency, UnknownName

PLUGIN = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    rate: int = 16000
    gain: float | None = None


def build(config):
    return ("built", config)
"""


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Make an importable package ``crew`` with the given plug-ins."""

    def make(**sources):
        folder = tmp_path / "crew"
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        return "crew"

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "crew"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_names_are_the_public_files_in_order_and_nothing_is_imported(plugins):
    package = plugins(viola="raise RuntimeError", cello="raise RuntimeError", _private="")
    assert registry.names(package) == ("cello", "viola")
    assert "crew.cello" not in sys.modules


def test_a_folder_is_a_plugin_too(plugins, tmp_path):
    package = plugins()
    (tmp_path / "crew" / "harp").mkdir()
    (tmp_path / "crew" / "harp" / "__init__.py").write_text(PLUGIN)
    assert registry.build(package, "harp", {"rate": "8000"})[1].rate == 8000


def test_an_unknown_name_comes_with_its_near_matches(plugins):
    package = plugins(pocketsphinx=PLUGIN, whisper=PLUGIN)
    with pytest.raises(UnknownName, match="'pocketsfinx'; expected one of pocketsphinx, whisper; did you mean pocket"):
        registry.module(package, "pocketsfinx")


def test_a_name_like_no_other_is_told_how_to_list_them(plugins):
    with pytest.raises(UnknownName, match="'mmfeat list' shows them"):
        registry.module(plugins(whisper=PLUGIN), "qqq")


def test_a_private_file_cannot_be_built(plugins):
    with pytest.raises(UnknownName, match="'_private'"):
        registry.build(plugins(_private=PLUGIN), "_private")


@pytest.mark.parametrize(
    "source",
    ["import package_that_nobody_has", PLUGIN.replace("return", "import package_that_nobody_has\n    return")],
    ids=["when imported", "when built"],
)
def test_a_missing_package_is_named_with_its_remedy(plugins, source):
    with pytest.raises(MissingDependency, match="lute: .*'package_that_nobody_has'.*pip install package_that_nobody"):
        registry.build(plugins(lute=source), "lute")


def test_a_missing_package_of_an_extra_is_asked_for_by_the_extra(plugins):
    error = "raise ModuleNotFoundError(\"No module named 'faster_whisper'\", name='faster_whisper')"
    with pytest.raises(MissingDependency, match=r"pip install 'mmfeat\[asr\]'"):
        registry.module(plugins(lute=error), "lute")


def test_every_problem_with_the_settings_is_in_one_message(plugins):
    settings = {"rat": 1, "rate": "fast", "gain": "loud"}
    with pytest.raises(ConfigError) as caught:
        registry.build(plugins(lute=PLUGIN), "lute", settings)
    for part in ("lute:", "unknown setting 'rat' (did you mean 'rate'?)", "rate='fast' is not int", "gain='loud'"):
        assert part in str(caught.value)
    assert "expected rate (int), gain (float | None)" in str(caught.value)


def test_without_settings_the_defaults_hold(plugins):
    kind, config = registry.build(plugins(lute=PLUGIN), "lute")
    assert (kind, config.rate, config.gain) == ("built", 16000, None)


@dataclass(frozen=True)
class Settings:
    needed: Path
    count: int = 0
    share: float = 0.0
    loud: bool = False
    rule: Literal["plain", "weighted"] = "plain"
    limit: float | None = 1.0
    rates: tuple[int, ...] = ()
    label: str = ""


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ("7", "count", 7),
        (7.0, "count", 7),
        ("1e-3", "share", 0.001),
        (2, "share", 2.0),
        ("yes", "loud", True),
        ("False", "loud", False),
        (True, "loud", True),
        ("weighted", "rule", "weighted"),
        ("none", "limit", None),
        (None, "limit", None),
        ("2.5", "limit", 2.5),
        ("1,2", "rates", (1, 2)),
        ([3, 4], "rates", (3, 4)),
        ("text", "label", "text"),
        ("a/b", "needed", Path("a/b")),
    ],
)
def test_text_and_yaml_values_become_the_type_of_the_field(given, field, value):
    config = registry.configure(Settings, {"needed": "here", field: given}, owner="x")
    assert getattr(config, field) == value
    assert type(getattr(config, field)) is type(value)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("count", 1.5),
        ("count", True),
        ("share", "much"),
        ("loud", "perhaps"),
        ("rule", "other"),
        ("rates", "1,x"),
        ("label", 3),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_and_not_bent(field, given):
    with pytest.raises(ConfigError, match=f"{field}={given!r} is not "):
        registry.configure(Settings, {"needed": "here", field: given}, owner="x")


def test_a_setting_without_default_must_be_given():
    with pytest.raises(ConfigError, match="missing setting 'needed'"):
        registry.configure(Settings, {}, owner="x")


def test_a_config_cannot_be_changed_afterwards():
    config = registry.configure(Settings, {"needed": "here"}, owner="x")
    with pytest.raises(FrozenInstanceError):
        config.count = 3


@pytest.mark.parametrize(
    "package", ["mmfeat.extractors", "mmfeat.transcribers", "mmfeat.forced_alignment", "mmfeat.datasets"]
)
def test_every_plugin_of_the_project_has_a_config_and_a_build(package):
    for name in registry.names(package):
        plugin = registry.module(package, name)
        assert plugin.Config.__dataclass_params__.frozen
        assert callable(plugin.build)
