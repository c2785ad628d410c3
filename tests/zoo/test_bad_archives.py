"""Archives that are damaged, or made to do harm: refused in one line, and nothing of them stays."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import CheckpointError
from zoo.packing import fetch, shipped

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def members() -> Members:
    with zipfile.ZipFile(shipped()["demo"]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(path: Path, contents: Members) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def with_manifest(contents: Members, **changes: object) -> Members:
    """The same members and a manifest that states them as they are, but for some of its fields."""
    rest = {name: data for name, data in contents.items() if name != "manifest.json"}
    stated = {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in rest.items()}
    given = json.loads(contents["manifest.json"]) | {"members": stated} | changes
    return rest | {"manifest.json": json.dumps(given).encode()}


def linked(path: Path, contents: Members) -> Path:
    entry = zipfile.ZipInfo("files/vectors.txt")
    entry.external_attr = 0o120777 << 16
    target = {"files/vectors.txt": b"/etc/passwd"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in with_manifest(contents | target).items():
            archive.writestr(entry if name == entry.filename else name, data)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def doubled(path: Path, contents: Members) -> Path:
    with zipfile.ZipFile(write_zip(path, contents), "a") as archive:
        archive.writestr("card.json", contents["card.json"])
    return path


def bomb(path: Path, contents: Members) -> Path:
    """A member that unpacks to more than both tables of contents say."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in with_manifest(contents | {"files/a.txt": bytes(1000)}).items():
            archive.writestr(name, bytes(10_000_000) if name == "files/a.txt" else data)
    data = path.read_bytes()
    path.write_bytes(data.replace((10_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    return path


def large(path: Path, contents: Members) -> Path:
    """Both tables of contents say that two members unpack to three gigabytes each."""
    stated = json.loads(with_manifest(contents | {"files/a": bytes(1234), "files/b": bytes(1234)})["manifest.json"])
    for name in ("files/a", "files/b"):
        stated["members"][name]["size"] = 3_000_000_000
    write_zip(
        path, contents | {"files/a": bytes(1234), "files/b": bytes(1234), "manifest.json": json.dumps(stated).encode()}
    )
    path.write_bytes(path.read_bytes().replace((1234).to_bytes(4, "little"), (3_000_000_000).to_bytes(4, "little")))
    return path


BAD: dict[str, tuple[Callable[[Path, Members], object], str]] = {
    "above": (lambda path, good: write_zip(path, with_manifest(good | {"../evil": b""})), "'../evil' is not a plain"),
    "above inside": (lambda path, good: write_zip(path, with_manifest(good | {"files/../../e": b""})), "not a plain"),
    "backslash": (lambda path, good: write_zip(path, with_manifest(good | {"files/..\\e": b""})), "not a plain"),
    "absolute": (lambda path, good: write_zip(path, with_manifest(good | {"/tmp/e": b""})), "not a plain"),
    "hidden": (lambda path, good: write_zip(path, with_manifest(good | {"files/.e": b""})), "not a plain"),
    "elsewhere": (lambda path, good: write_zip(path, with_manifest(good | {"code.py": b""})), "not a plain"),
    "capitals": (
        lambda path, good: write_zip(path, with_manifest(good | {"files/a": b"", "files/A": b""})),
        "capitals",
    ),
    "link": (linked, "'files/vectors.txt' is not a plain file"),
    "twice": (doubled, "two members have the same name"),
    "more": (lambda path, good: write_zip(path, good | {"files/e": b""}), "'files/e' is not what manifest.json states"),
    "less": (lambda path, good: write_zip(path, good | {"card.json": b""}), "'card.json' is not what"),
    "no card": (
        lambda path, good: write_zip(path, with_manifest({n: d for n, d in good.items() if n != "card.json"})),
        "card.json missing",
    ),
    "other bytes": (
        lambda path, good: write_zip(path, good | {"model.safetensors": good["model.safetensors"][::-1]}),
        "model.safetensors has not the size and sha256",
    ),
    "bomb": (bomb, "files/a.txt"),
    "large": (large, r"60007\d+ bytes unpacked; expected at most 4294967296, 1048576 of them"),
    "no manifest": (lambda path, good: write_zip(path, {"card.json": b"{}"}), "no manifest.json"),
    "odd manifest": (lambda path, good: write_zip(path, good | {"manifest.json": b"[]"}), "lacks format, name"),
    "deep manifest": (lambda path, good: write_zip(path, good | {"manifest.json": b"[" * 99_999}), "nested too deeply"),
    "newer": (
        lambda path, good: write_zip(path, with_manifest(good, format=2)),
        "of format 2; expected at most 1; update",
    ),
    "odd name": (lambda path, good: write_zip(path, with_manifest(good, name="../x")), "lacks format, name"),
    "features": (lambda path, good: write_zip(path, with_manifest(good, fingerprint="0" * 64)), "features 5"),
    "not a zip": (lambda path, good: path.write_bytes(b"<html>please log in</html>"), "not a zip file"),
    "empty": (lambda path, good: path.write_bytes(b""), "not a zip file"),
    "polyglot": (lambda path, good: path.write_bytes(b"#!/bin/sh\n" + write_zip(path, good).read_bytes()), "not a zip"),
    "cut": (lambda path, good: path.write_bytes(write_zip(path, good).read_bytes()[:-9]), "the end is cut off"),
    "longer": (lambda path, good: path.write_bytes(write_zip(path, good).read_bytes() + b"x"), "something was added"),
    "crowd": (lambda path, good: write_zip(path, {f"files/{n}": b"" for n in range(300)}), "300 members; expected"),
    "not a checkpoint": (
        lambda path, good: write_zip(path, with_manifest(good | {"card.json": b"{}"})),
        "a.zoo.zip/card.json: format None",
    ),
    "settings without sense": (
        lambda path, good: write_zip(
            path, with_manifest(good | {"card.json": good["card.json"].replace(b'"heads": 4', b'"heads": 0')})
        ),
        r"its checkpoint cannot be loaded: ZeroDivisionError\(.*; expected one that 'zoo train' made",
    ),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_archive_is_refused_in_one_line_and_leaves_nothing(kind: str, members: Members, tmp_path: Path) -> None:
    make, message = BAD[kind]
    path = tmp_path / "in" / "a.zoo.zip"
    path.parent.mkdir()
    make(path, members)
    with pytest.raises(CheckpointError, match=message) as caught:
        fetch(str(path), home=tmp_path / "out" / "home")
    assert "\n" not in str(caught.value)
    assert {file.name for file in tmp_path.rglob("*") if file.is_file()} <= {"a.zoo.zip", ".lock"}


def test_no_flipped_byte_and_no_cut_installs_anything_else(members: Members, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = write_zip(tmp_path / "a.zoo.zip", members)
    good = path.read_bytes()
    tables = good.index(b"PK\x01\x02")
    places = [*rng.integers(len(good), size=20), *rng.integers(tables, len(good), size=100)]
    for number, place in enumerate(places):
        bad = bytearray(good)
        bad[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bad[:place] if number % 10 == 0 else bad)
        try:
            folder = fetch(str(path), home=tmp_path / "home", replace=True)
        except CheckpointError:
            continue  # a flip that installs is one of a time stamp or the like
        assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == set(members)
        assert all((folder / name).read_bytes() == data for name, data in members.items())
