"""A service that was really started, asked what its own description allows, and much that it does not."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from zoo_service import TYPES, Started, rows, same, started, written

from zoo.packing import find
from zoo.predict import Features, Predictor
from zoo.serve.documents import LONGEST

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

pytestmark = pytest.mark.slow

LEAST, PATIENCE = 1000, 10.0  # cases; s that an answer may take
# Cases that fit the description, and that do not. Rows of the right width take their time to make.
CASES = {
    ("post", "/predict"): (40, 280),
    ("post", "/predict/media"): (80, 480),
    ("get", "/predict/media/{id}"): (100, 0),  # whatever is asked for is an id
    ("delete", "/predict/media/{id}"): (100, 0),
    ("get", "/models"): (1, 0),
    ("get", "/health"): (1, 0),
    ("get", "/ready"): (1, 0),
    ("get", "/metrics"): (1, 0),
}


def damaged(body: bytes) -> st.SearchStrategy[bytes]:
    """A good body, of which some bytes may be others, or its end may be missing; or no such thing at all."""
    places = st.lists(st.tuples(st.integers(0, len(body) - 1), st.binary(min_size=1, max_size=8)), max_size=3)
    lengths = st.one_of(st.just(len(body)), st.integers(0, len(body)))
    return st.one_of(st.builds(_with, st.just(body), places, lengths), st.binary(max_size=100))


def _with(body: bytes, places: list[tuple[int, bytes]], length: int) -> bytes:
    changed = bytearray(body)
    for place, values in places:
        changed[place : place + len(values)] = values
    return bytes(changed[:length])


def without_long_lists(described: Any) -> Any:
    """A description without the limits that only lists of thousands exceed: to make such ones takes half a minute."""
    if isinstance(described, list):
        return [without_long_lists(each) for each in described]
    if not isinstance(described, dict):
        return described
    return {
        name: without_long_lists(each)
        for name, each in described.items()
        if not (name == "maxItems" and each == LONGEST)
    }


def ask_all(service: Started) -> Counter[tuple[str, str, str, int]]:
    """Send all cases and check each answer against the description; gives how many there were of each kind."""
    import requests
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    # No schema can say that rows of two modalities have to be equally many, nor that what is sent as a clip has to be
    # one (which its job tells later): what fits the description may be refused, and the other way round.
    beyond = [positive_data_acceptance, negative_data_rejection]
    for kind in ("npz", "safetensors"):
        schemathesis.openapi.media_type(TYPES[kind], damaged(written(rows(0, 2, ("text", "audio")), kind)))
    described = schemathesis.openapi.from_dict(without_long_lists(json.loads(service.ask("GET", "/openapi.json")[1])))
    described.config.update(base_url=f"http://127.0.0.1:{service.port}")
    sent: Counter[tuple[str, str, str, int]] = Counter()

    def ask(operation: Any, mode: Any, count: int, session: Any) -> None:
        @seed(0)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def each(case: Any) -> None:
            response = case.call(timeout=PATIENCE, session=session)
            sent[operation.method, operation.path, case.media_type, response.status_code] += 1
            case.validate_response(response, excluded_checks=beyond)
            assert response.status_code != 500

        each()

    with contextlib.closing(requests.Session()) as session:
        for operation in (result.ok() for result in described.get_all_operations()):
            counts = CASES[operation.method, operation.path]
            for mode, count in zip(schemathesis.GenerationMode, counts, strict=True):
                if count:
                    ask(operation, mode, count, session)
    return sent


def test_a_thousand_malformed_requests_get_only_what_is_documented(tmp_path: Path):
    predictor = Predictor.open(find("demo", tmp_path))
    with started() as service:
        began = time.monotonic()
        sent = ask_all(service)
        print(f"{sent.total()} cases in {time.monotonic() - began:.0f} s: {dict(sent)}")
        assert sent.total() >= LEAST
        assert sum(count for (*_, status), count in sent.items() if status >= 400) > LEAST / 2
        assert {kind for _, path, kind, _ in sent if path == "/predict"} == set(TYPES.values())
        assert service.said("fault") == []
        assert service.metric('zoo_worker_restarts_total{kind="model"}') == 0
        assert service.metric('zoo_worker_restarts_total{kind="media"}') == 0
        arrays = rows()
        status, said = service.predict(arrays)
        offline = predictor.answer([Features("0", arrays)], what_if=False)[0].as_json()
        assert (status, same(said["answers"][0], offline)) == (200, True)
        assert service.stop() == 0
