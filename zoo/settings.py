"""Settings of a run: the model file's defaults, then a YAML file, then ``--set section.key=value``."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from mmfeat import missing, registry
from mmfeat.errors import ConfigError
from zoo.types import Missing, ModelFile, Training

MODELS = "zoo.models"
CONFIGS = Path(__file__).parent / "configs"  # settings with a name, such as a paper's own
SECTIONS = ("model", "train", "missing", "data")


@dataclass(frozen=True)
class DataSettings:
    """How batches are made."""

    max_words: int = 0  # of an utterance, at the level of words; 0: all
    workers: int = 0  # processes that assemble batches; the whole corpus is in memory, so that few gain by them


@dataclass(frozen=True)
class Settings:
    """Everything that a trained model depends on, apart from the data and the seed."""

    name: str
    file: ModelFile
    model: Any  # the model file's Config
    train: Training
    missing: Missing
    data: DataSettings

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return {section: _plain(asdict(getattr(self, section))) for section in SECTIONS}

    def epochs(self, stage: int) -> int:
        """Epochs of a stage, by its number."""
        return self.train.epochs[stage if len(self.train.epochs) > 1 else 0]


def settle(model: str, config: str | Path | Mapping[str, Any] | None = None, changes: Sequence[str] = ()) -> Settings:
    """Settle the settings of a run.

    Parameters
    ----------
    model : str
        Name of a model file.
    config : str, Path or mapping, optional
        A YAML file, the name of one of `named_configs`, or what such a file holds: sections ``model``, ``train``,
        ``missing``, ``data``.
    changes : sequence of str
        ``section.key=value``, later ones win.

    Raises
    ------
    mmfeat.errors.ConfigError
        Naming every unknown or ill-typed key of a section, with the valid ones.
    mmfeat.errors.UnknownName
        If there is no such model.
    """
    file: ModelFile = registry.module(MODELS, model)
    sections = _sections(config)
    for change in changes:
        section, key, value = _parse(change)
        sections.setdefault(section, {})[key] = value
    settings = Settings(
        name=model,
        file=file,
        model=_configure(file.Config, sections.get("model", {}), f"{model}: section model"),
        train=_configure(Training, asdict(file.TRAINING) | sections.get("train", {}), f"{model}: section train"),
        missing=_configure(Missing, asdict(file.MISSING) | sections.get("missing", {}), f"{model}: section missing"),
        data=_configure(DataSettings, sections.get("data", {}), f"{model}: section data"),
    )
    _require_sense(settings)
    return settings


def named_configs() -> tuple[str, ...]:
    """Names of the settings that come with the zoo."""
    return tuple(sorted(path.stem for path in CONFIGS.glob("*.yaml")))


def _sections(config: str | Path | Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    given = config if isinstance(config, Mapping) else {} if config is None else _read(str(config))
    wrong = [name for name in given if name not in SECTIONS or not isinstance(given[name], Mapping)]
    if wrong:
        near = difflib.get_close_matches(str(wrong[0]), SECTIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "put it into one of them"
        raise ConfigError(f"settings: section {wrong[0]!r}; expected mappings {', '.join(SECTIONS)}; {hint}")
    return {name: dict(values) for name, values in given.items()}


def _read(config: str) -> Mapping[str, Any]:
    path = CONFIGS / f"{config}.yaml" if config in named_configs() else Path(config)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"settings {config!r}: {error.strerror}; expected a YAML file or one of {', '.join(named_configs())}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}; expected YAML; mend the file") from None
    if not isinstance(found, Mapping):
        raise ConfigError(f"{path}: {type(found).__name__}; expected sections {', '.join(SECTIONS)}; mend the file")
    return found


def _parse(change: str) -> tuple[str, str, str]:
    place, equals, value = change.partition("=")
    section, dot, key = place.strip().partition(".")
    if not equals or not dot or section not in SECTIONS:
        raise ConfigError(
            f"setting {change!r}; expected SECTION.KEY=VALUE with a section of {', '.join(SECTIONS)}, such as "
            "train.epochs=5; name the section"
        )
    return section, key, value.strip()


def _configure(kind: type[Any], values: Mapping[str, Any], owner: str) -> Any:
    hints = typing.get_type_hints(kind)
    listed = {
        key: (value,) if typing.get_origin(hints.get(key)) is tuple and isinstance(value, int | float) else value
        for key, value in values.items()
    }
    return registry.configure(kind, listed, owner=owner)


def _require_sense(settings: Settings) -> None:
    train, stages = settings.train, len(settings.file.STAGES)
    checks = (
        (len(train.epochs) in (1, stages), f"train.epochs {train.epochs}", f"one number, or one per stage ({stages})"),
        (min(train.epochs, default=0) > 0, f"train.epochs {train.epochs}", "1 or more"),
        (train.batch_size > 0, f"train.batch_size {train.batch_size}", "1 or more"),
        (train.learning_rate > 0, f"train.learning_rate {train.learning_rate}", "more than 0"),
        (train.weight_decay >= 0, f"train.weight_decay {train.weight_decay}", "0 or more"),
        (train.clip_norm >= 0, f"train.clip_norm {train.clip_norm}", "0 (not clipped) or more"),
        (train.patience >= 0, f"train.patience {train.patience}", "0 or more"),
        (0 <= train.warmup < 1, f"train.warmup {train.warmup}", "a share of the steps, at least 0 and less than 1"),
        (train.validation_draws > 0, f"train.validation_draws {train.validation_draws}", "1 or more"),
        (settings.data.max_words >= 0, f"data.max_words {settings.data.max_words}", "0 or more"),
        (settings.data.workers >= 0, f"data.workers {settings.data.workers}", "0 or more"),
    )
    for fine, what, rule in checks:
        if not fine:
            raise ConfigError(f"{settings.name}: {what}; expected {rule}; set it with --set {what.split()[0]}=...")
    # The protocols refuse what they cannot draw.
    missing.key("frame_drop", {"rate": settings.missing.rates})
    missing.key("modality_combination", {"kept": settings.missing.combinations})


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in record.items()}


__all__ = ["DataSettings", "Settings", "named_configs", "settle"]
