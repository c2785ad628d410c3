"""What ``params.yaml`` says of a training, and whether one that was interrupted may go on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mmfeat.errors import ConfigError
from mmfeat.safe_write import replacing
from pipelines import params
from zoo.checkpoint import WEIGHTS
from zoo.data.corpus import sha256_of
from zoo.settings import settle
from zoo.train import Run
from zoo.train.identity import clear

CODE = ("mmfeat/artifact", "mmfeat/missing", "zoo")  # whatever may change a training
NOTE = "begun.sha256"  # in the folder of a stage: digest of all that it was begun with


def read(name: str) -> Run:
    """Training of a corpus.

    Raises
    ------
    ConfigError
        If no model is listed for it, or the code or the stages are not those of the model.
    """
    listed = params.read()["zoo"]
    if name not in listed:
        raise ConfigError(
            f"corpus {name!r} has no model in {params.PATH}; expected one of {', '.join(listed)}; list it under zoo"
        )
    section = listed[name]
    params.require_code("zoo/models", section["model"], section["code"], f"zoo.{name}.code")
    stages = [stage.name for stage in settle(section["model"]).file.STAGES]
    if section["stages"] != stages:
        raise ConfigError(
            f"zoo.{name}.stages in {params.PATH} is {section['stages']}; expected those of {section['model']}; "
            f"set it to [{', '.join(stages)}]"
        )
    return Run(
        model=section["model"],
        dataset=Path(f"data/aligned/{name}.h5"),
        target=section["target"],
        split=section["split"],
        seed=section["seed"],
        config=section["config"],
        name=section["name"],
    )


def stages_of(name: str, run: Run) -> list[Path]:
    """Folders of the stages of a training, first to last."""
    return [run.folder(name) / stage.name for stage in settle(run.model).file.STAGES]


def keep_only_what_goes_on(name: str, run: Run, stage: str) -> None:
    """Throw away what an earlier training of a stage left, unless nothing has changed since it began.

    DVC runs a stage because something changed, or because it was interrupted; only the second may go on.
    """
    folders = stages_of(name, run)
    folder = run.folder(name) / stage
    before = [path / WEIGHTS for path in folders[: folders.index(folder)]]
    digest = _digest(json.dumps(params.read()["zoo"][name], sort_keys=True), [Path(run.dataset), *before])
    note = folder / NOTE
    if note.is_file() and note.read_text() == digest:
        return
    clear(folder)
    with replacing(note) as beside:
        beside.write_text(digest)


def _digest(text: str, files: list[Path]) -> str:
    code = sorted(path for folder in CODE for path in Path(folder).rglob("*") if path.suffix in (".py", ".yaml"))
    found = hashlib.sha256(text.encode())
    for path in (*code, *(file for file in files if file.is_file())):  # `train` says which one it lacks
        found.update(f"{path.as_posix()} {sha256_of(path)}".encode())
    return found.hexdigest()
