"""Bodies of requests to utterances: JSON, npz, safetensors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from mmfeat.types import MODALITIES, FloatArray, Modality
from zoo.predict.features import Features
from zoo.serve.arrays import Arrays, from_npz, from_safetensors
from zoo.serve.documents import PredictRequest, UtteranceBody
from zoo.serve.refusals import Refused, too_large, too_slow
from zoo.serve.settings import Limits

JSON, NPZ, SAFETENSORS = "application/json", "application/x-npz", "application/x-safetensors"
OBSERVED = "observed."  # before the name of a modality: the name of its flags
ELSEWHERE = 512 * 1024  # bytes from which a body is read in a thread, so that others are not kept waiting


@dataclass(frozen=True)
class Asked:
    """What a client wants answers for."""

    utterances: tuple[Features, ...]
    what_if: bool


async def read_body(request: Request, limits: Limits) -> bytes:
    """Read a body as far as its limits go.

    Raises
    ------
    Refused
        With 413 or 408.
    """
    declared = int(request.headers.get("content-length", "0"))
    if declared > limits.body:
        raise too_large("the body", limits.body)
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.body_time):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limits.body:
                    raise too_large("the body", limits.body)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise too_slow(limits.body_time) from None


async def parse(kind: str, body: bytes, what_if: bool, limits: Limits) -> Asked:
    """Make utterances of a body.

    Parameters
    ----------
    kind : str
        Its content type.
    body : bytes
    what_if : bool
        As the address says; JSON may say it too.
    limits : Limits

    Raises
    ------
    Refused
        With 400 where it cannot be read, 413 where there is too much of it, 415 where it is of another type, 422
        where it is not what is expected.
    """
    reader = _READERS.get(kind.partition(";")[0].strip().lower())
    if reader is None:
        raise Refused(
            415, "unknown_type", f"content type {kind[:100]!r}; expected {JSON}, {NPZ} or {SAFETENSORS}; name it"
        )
    if len(body) < ELSEWHERE:
        asked = reader(body, limits)
    else:
        asked = await asyncio.to_thread(reader, body, limits)
    return Asked(asked.utterances, asked.what_if or what_if)


def _from_json(body: bytes, limits: Limits) -> Asked:
    try:
        read = PredictRequest.model_validate_json(body)
    except ValidationError as error:
        raise _not_expected(error) from None
    _require_few(len(read.utterances), limits)
    utterances = tuple(_from_model(given, number, limits) for number, given in enumerate(read.utterances))
    return Asked(utterances, read.what_if)


def _not_expected(error: ValidationError) -> Refused:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"])) or "the body"
    status, code = (400, "broken_body") if first["type"] in ("json_invalid", "finite_number") else (422, "unsuitable")
    return Refused(status, code, f"{place[:200]}: {first['msg'][:200]}; expected what /openapi.json says; mend it")


def _from_model(given: UtteranceBody, number: int, limits: Limits) -> Features:
    rows = {name: values for name in MODALITIES if (values := getattr(given, name)) is not None}
    who = given.id or str(number)
    for name, values in rows.items():
        if len(set(map(len, values))) > 1:
            raise Refused(422, "unsuitable", f"{name}: rows of different lengths; expected one width; mend them")
    return _features(
        who,
        {name: np.array(values, np.float64) for name, values in rows.items()},
        {name: np.array(flags, np.bool_) for name, flags in given.observed.items()},
        limits,
        given,
    )


def _from_arrays(arrays: Arrays, limits: Limits) -> Asked:
    """One utterance of arrays named as the modalities, or several with ``<id>/`` before these names."""
    found: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for name, values in arrays.items():
        who, _, what = name.rpartition("/")
        if what.removeprefix(OBSERVED) not in MODALITIES or len(who) > limits.name:
            raise Refused(
                422,
                "unsuitable",
                f"array {name[:100]!r}; expected [<id>/][observed.]text, audio or vision; rename or leave it out",
            )
        found.setdefault(who, {})[what] = values
    if "" in found and len(found) > 1:
        raise Refused(422, "unsuitable", "arrays with and without an id; expected an id before all; name them so")
    _require_few(len(found), limits)
    return Asked(tuple(_from_group(who or "0", group, limits) for who, group in found.items()), False)


def _from_group(who: str, group: Arrays, limits: Limits) -> Features:
    rows = {name: group[name] for name in MODALITIES if name in group}
    observed = {name: group[OBSERVED + name] for name in MODALITIES if OBSERVED + name in group}
    wrong: list[str] = [name for name, values in rows.items() if values.dtype.kind != "f"]
    wrong += [OBSERVED + name for name, flags in observed.items() if flags.dtype.kind != "b"]
    if wrong:
        raise Refused(
            422, "unsuitable", f"{wrong[0]} of another type; expected floats for rows, bool for observed; convert it"
        )
    return _features(who, rows, observed, limits, None)


def _features(
    who: str,
    rows: dict[Modality, npt.NDArray[Any]],
    observed: dict[Modality, npt.NDArray[Any]],
    limits: Limits,
    given: UtteranceBody | None,
) -> Features:
    longest = max(map(len, rows.values()), default=0) if all(values.ndim for values in rows.values()) else 0
    if longest > limits.rows:
        raise Refused(413, "too_large", f"{longest} rows of an utterance; expected at most {limits.rows}; send fewer")
    narrow = {name: _float32(values) for name, values in rows.items()}
    if given is None:
        return Features(who, narrow, observed)
    return Features(who, narrow, observed, given.dialogue, given.turn, given.speaker)


def _float32(values: npt.NDArray[Any]) -> FloatArray:
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
        return values.astype(np.float32, copy=False)


def _require_few(count: int, limits: Limits) -> None:
    if count > limits.utterances:
        raise Refused(413, "too_large", f"{count} utterances; expected at most {limits.utterances}; send fewer")


def _read_npz(body: bytes, limits: Limits) -> Asked:
    return _from_arrays(from_npz(body, _arrays(limits), limits.inflated), limits)


def _read_safetensors(body: bytes, limits: Limits) -> Asked:
    return _from_arrays(from_safetensors(body, _arrays(limits)), limits)


def _arrays(limits: Limits) -> int:
    """How many arrays the utterances of a request may have: rows and flags of each modality."""
    return 2 * len(MODALITIES) * limits.utterances


_READERS: dict[str, Callable[[bytes, Limits], Asked]] = {
    JSON: _from_json,
    NPZ: _read_npz,
    SAFETENSORS: _read_safetensors,
}
