"""Reads ``params.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mmfeat.errors import ConfigError

PATH = Path("pipelines/params.yaml")


def read() -> dict[str, Any]:
    """All sections.

    Raises
    ------
    ConfigError
        If it is not there: stages run in the root of the repository.
    """
    if not PATH.is_file():
        raise ConfigError(f"no {PATH} here; expected the root of the repository; run 'dvc repro' there")
    params: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return params


def corpus(params: dict[str, Any], name: str) -> dict[str, Any]:
    """Section of one corpus.

    Raises
    ------
    ConfigError
        If it is not listed, or its raw folder is absent.
    """
    if name not in params["corpora"]:
        raise ConfigError(
            f"corpus {name!r} is not in {PATH}; expected one of {', '.join(params['corpora'])}; list it there"
        )
    section: dict[str, Any] = params["corpora"][name]
    if not Path(section["root"]).is_dir():
        raise ConfigError(
            f"corpus {name!r}: no folder {section['root']}; expected its raw release there; put or link it there"
        )
    return section


def extractor(params: dict[str, Any], modality: str) -> str:
    """Name of the extractor of a modality.

    Raises
    ------
    ConfigError
        If the code that its stage depends on is another one's.
    """
    name: str = params["extract"][modality]
    require_code("mmfeat/extractors", name, params["extract"]["code"][modality], f"extract.code.{modality}")
    return name


def require_code(folder: str, name: str, code: str, key: str) -> None:
    """Check that the code which DVC watches for a plug-in is its own.

    Raises
    ------
    ConfigError
        If it is another one's.
    """
    own = f"{folder}/{name}"
    if code not in (own, f"{own}.py"):
        given = own if Path(own).is_dir() else f"{own}.py"
        raise ConfigError(f"{key} in {PATH} is {code!r}; expected the code of {name!r}; set it to {given}")
