"""Name to plug-in file. The folder listing is the registry: there is no list to edit.

A plug-in is one module (or package folder) of ``mmfeat.datasets``, ``transcribers``, ``forced_alignment`` or
``extractors``. It exposes ``Config``, a frozen dataclass, and ``build(config)``. A leading ``_`` makes a name private.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import pkgutil
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmfeat.errors import ConfigError, MissingDependency, UnknownName


def names(package: str) -> tuple[str, ...]:
    """List the plug-ins of a package, sorted, without importing any of them."""
    folder = importlib.import_module(package).__path__
    return tuple(sorted(entry.name for entry in pkgutil.iter_modules(folder) if not entry.name.startswith("_")))


def module(package: str, name: str) -> types.ModuleType:
    """Import one plug-in.

    Raises
    ------
    UnknownName
        With the near matches.
    MissingDependency
        If a package that the plug-in needs is not installed.
    """
    known = names(package)
    if name not in known:
        kind = package.rpartition(".")[2]
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "'mmfeat list' shows them"
        raise UnknownName(f"no {kind} plug-in is named {name!r}; expected one of {', '.join(known)}; {hint}")
    try:
        return importlib.import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        raise MissingDependency(_missing_package(name, error)) from error


def build(package: str, name: str, settings: Mapping[str, Any] | None = None) -> Any:
    """Build one plug-in from settings: the values of a YAML section or the text of ``--set key=value``.

    Raises
    ------
    ConfigError
        All unknown, missing and ill-typed settings in one message, with the valid ones.
    UnknownName, MissingDependency
        As `module`.
    """
    plugin = module(package, name)
    config = configure(plugin.Config, settings or {}, owner=name)
    try:
        return plugin.build(config)
    except ModuleNotFoundError as error:
        raise MissingDependency(_missing_package(name, error)) from error


def configure(config_class: type[Any], settings: Mapping[str, Any], *, owner: str) -> Any:
    """Turn settings into a frozen dataclass, text converted to the type of its field."""
    hints = typing.get_type_hints(config_class)
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    problems = []
    values = {}
    for key, value in settings.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            problems.append(f"unknown setting {key!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
            continue
        try:
            values[key] = _convert(value, hints[key])
        except (ValueError, TypeError):
            problems.append(f"{key}={value!r} is not {_type_text(hints[key])}")
    for key, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and key not in settings:
            problems.append(f"missing setting {key!r}")
    if problems:
        valid = ", ".join(f"{key} ({_type_text(hints[key])})" for key in fields) or "no settings at all"
        raise ConfigError(f"{owner}: {'; '.join(problems)}; expected {valid}")
    return config_class(**values)


def _convert(value: Any, hint: Any) -> Any:
    """Convert one setting to its declared type; raises ValueError where that cannot be."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, arguments)
    if origin is typing.Literal:
        if value not in arguments:
            raise ValueError(value)
        return value
    if origin is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(_convert(part, arguments[0]) for part in parts)
    if hint is bool:
        return _convert_bool(value)
    if hint in (int, float):
        return _convert_number(value, hint)
    if hint is Path:
        return Path(value)
    if not isinstance(value, hint):
        raise ValueError(value)
    return value


def _convert_union(value: Any, arguments: tuple[Any, ...]) -> Any:
    if type(None) in arguments and (value is None or value in ("", "none", "null")):
        return None
    for argument in arguments:
        if argument is not type(None):
            try:
                return _convert(value, argument)
            except (ValueError, TypeError):
                continue
    raise ValueError(value)


def _convert_bool(value: Any) -> bool:
    table = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    return table[str(value).lower()] if str(value).lower() in table else _refuse(value)


def _convert_number(value: Any, hint: type[int] | type[float]) -> int | float:
    if isinstance(value, bool) or (hint is int and isinstance(value, float) and value != int(value)):
        raise ValueError(value)
    return hint(value)


def _refuse(value: Any) -> bool:
    raise ValueError(value)


def _type_text(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(str(argument) for argument in typing.get_args(hint))
    return getattr(hint, "__name__", str(hint)) if not typing.get_args(hint) else str(hint).replace("typing.", "")


def _missing_package(name: str, error: ModuleNotFoundError) -> str:
    extra = {"faster_whisper": "asr"}.get((error.name or "").partition(".")[0])
    remedy = f"pip install 'mmfeat[{extra}]'" if extra else f"pip install {error.name}"
    return f"{name}: the package {error.name!r} is not installed; expected it for this plug-in; {remedy}"
