"""The service with its real workers, in this process: answers, refusals, clips. (A started server: its own file.)"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import save
from zoo_service import TYPES, WIDTHS, rows, same, until, written

from mmfeat.types import MODALITIES
from zoo.packing import sample_of
from zoo.predict import Features, Predictor
from zoo.serve import Limits, Settings, create_app


@pytest.fixture(scope="module")
def client(demo: Path) -> Iterator[TestClient]:
    limits = Limits(utterances=4, rows=60, upload=2**20, transcript=1000, jobs=2)
    with TestClient(create_app(Settings(demo, limits=limits)), base_url="http://localhost") as client:
        until(lambda: client.get("/ready").status_code == 200)
        yield client


def ask(client: TestClient, body: bytes, kind: str = "safetensors", query: str = "") -> Any:
    return client.post(f"/predict{query}", content=body, headers={"Content-Type": TYPES[kind]})


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("what_if", [False, True])
def test_answers_are_those_of_offline_prediction(client: TestClient, predictor: Predictor, kind: str, what_if: bool):
    arrays = rows(modalities=("text", "vision"))
    response = ask(client, written(arrays, kind), kind, f"?what_if={what_if}")
    offline = predictor.answer([Features("0", arrays)], what_if=what_if)[0].as_json()
    assert response.status_code == 200, response.text
    assert same(response.json()["answers"][0], offline)
    assert len(offline["what_if"]) == 7 * what_if


def test_several_utterances_go_by_their_ids(client: TestClient, predictor: Predictor):
    two = {"a": rows(1, 3), "b/c": rows(2, 7)}
    flags = np.array([True, False, True])
    arrays = {f"{who}/{name}": values for who, found in two.items() for name, values in found.items()}
    answers = ask(client, written(arrays | {"a/observed.text": flags}, "npz"), "npz").json()["answers"]
    offline = predictor.answer([Features("a", two["a"], {"text": flags}), Features("b/c", two["b/c"])], what_if=False)
    assert [same(answer, one.as_json()) for answer, one in zip(answers, offline, strict=True)] == [True, True]
    assert answers[0]["observed"]["text"] == pytest.approx(2 / 3)


def test_clients_that_ask_at_once_each_get_their_own_answer(client: TestClient, predictor: Predictor):
    given = [rows(seed, 1 + seed % 9) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        served = list(pool.map(lambda arrays: ask(client, save(arrays)).json()["answers"][0], given))
    offline = [predictor.answer([Features("0", arrays)], what_if=False)[0].as_json() for arrays in given]
    assert [same(answer, one) for answer, one in zip(served, offline, strict=True)] == [True] * len(given)
    batches = [line for line in client.get("/metrics").text.splitlines() if "zoo_batch_utterances_bucket" in line]
    assert float(batches[-1].split()[-1]) > float(batches[0].split()[-1])  # some had more than one utterance


def test_a_worker_that_is_killed_costs_no_answer(client: TestClient, predictor: Predictor):
    service = client.app.state.service  # type: ignore[attr-defined]
    os.kill(service.answering._supervised[0].child.process.pid, signal.SIGKILL)
    arrays = rows()
    response = ask(client, save(arrays))
    assert response.status_code == 200, response.text
    assert same(response.json()["answers"][0], predictor.answer([Features("0", arrays)], what_if=False)[0].as_json())
    assert 'zoo_worker_restarts_total{kind="model"} 1.0' in client.get("/metrics").text


def utterance(**changes: Any) -> bytes:
    return json.dumps({"utterances": [changes]}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (400, "json", b"{"),
        (400, "json", b"[" * 100_000),
        (400, "json", b'{"utterances": [{"text": [[NaN]]}]}'),
        (400, "json", b'{"utterances": [{"text": [[1e999]]}]}'),
        (400, "json", b'\xff\xfe{"utterances": []}'),
        (400, "npz", b"PK\x03\x04"),
        (400, "npz", b""),
        (400, "safetensors", b"\xff" * 7),
        (413, "safetensors", (20000).to_bytes(8, "little") + b" " * 20000),
        (413, "json", json.dumps({"utterances": [{"text": [[0.0] * 32]}] * 5}).encode()),
        (413, "json", utterance(text=[[0.0] * 32] * 61)),
        (422, "json", b"{}"),
        (422, "json", utterance()),
        (422, "json", utterance(text=[[0.0] * 31])),
        (422, "json", utterance(text=[])),
        (422, "json", utterance(text=[[0.0] * 32, [0.0]])),
        (422, "json", utterance(text=[["1"] * 32])),
        (422, "json", utterance(text=[[1e39] * 32])),
        (422, "json", utterance(text=[[0.0] * 32], audio=[[0.0] * 33] * 2)),
        (422, "json", utterance(text=[[0.0] * 32], observed={"text": [True, True]})),
        (422, "json", utterance(text=[[0.0] * 32], observed={"audio": [True]})),
        (422, "json", utterance(text=[[0.0] * 32], path="/etc/passwd")),
        (422, "safetensors", save({"text": np.zeros((2, 2, 32), np.float32)})),
        (422, "safetensors", save({"smell": np.zeros((2, 32), np.float32)})),
        (422, "safetensors", save({"text": np.zeros((2, 32), np.bool_)})),
        (422, "safetensors", save({"text": np.zeros((2, 32), np.float32), "a/text": np.zeros((2, 32), np.float32)})),
        (422, "safetensors", save({"text": np.zeros((), np.float32)})),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_reason(client: TestClient, status: int, kind: str, body: bytes):
    response = ask(client, body, kind)
    assert (response.status_code, set(response.json()["error"])) == (status, {"code", "message"}), response.text


def test_other_content_types_methods_paths_and_hosts_are_refused(client: TestClient):
    assert client.post("/predict", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    wrong = client.get("/predict")
    assert (wrong.status_code, wrong.headers["Allow"], wrong.json()["error"]["code"]) == (405, "POST", "unknown_method")
    assert client.get("/docs").json()["error"]["code"] == "not_found"
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 421
    assert ask(client, b"", query="?what_if=perhaps").status_code == 422


def test_every_answer_bears_an_id_and_is_what_it_says(client: TestClient):
    mine = client.get("/health", headers={"X-Request-ID": "my-id"})
    odd = client.get("/health", headers={"X-Request-ID": "a b"})
    assert (mine.headers["X-Request-ID"], len(odd.headers["X-Request-ID"])) == ("my-id", 16)
    assert mine.headers["X-Content-Type-Options"] == "nosniff"


def test_the_model_says_what_it_takes(client: TestClient, predictor: Predictor):
    (model,) = client.get("/models").json()["models"]
    assert model["dims"] == WIDTHS
    assert model["weights_sha256"] == predictor.card.weights_sha256
    assert model["features"]["audio"] == "librosa33 1"


def test_openapi_names_every_status_and_its_examples_fit(client: TestClient):
    from zoo.serve.documents import PredictRequest

    described = client.get("/openapi.json").json()
    predict = described["paths"]["/predict"]["post"]
    assert {"200", "400", "401", "408", "413", "415", "422", "429", "503"} <= set(predict["responses"])
    content = predict["requestBody"]["content"]
    assert set(content) == set(TYPES.values())
    for example in content["application/json"]["examples"].values():
        PredictRequest.model_validate(example["value"])
    text = json.dumps(described)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(described["components"]["schemas"])


def upload(client: TestClient, clip: bytes, name: str = "clip.mp4", **fields: str) -> Any:
    return client.post("/predict/media", files={"clip": (name, clip, "video/mp4")}, data=fields)


def ended(client: TestClient, response: Any) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    path = response.headers["Location"]
    return until(lambda: (job := client.get(path).json())["status"] in ("done", "failed") and job)  # type: ignore[no-any-return]


def folder(client: TestClient) -> list[str]:
    found = client.app.state.service.jobs._folder  # type: ignore[attr-defined]
    assert found.stat().st_mode & 0o777 == 0o700
    return sorted(path.name for path in found.iterdir())


def test_a_clip_is_answered_for_and_nothing_of_it_stays(client: TestClient, demo: Path):
    sample = sample_of(demo)
    assert sample is not None
    response = upload(client, sample[0].read_bytes(), "../../../tmp/evil.mp4", transcript=sample[1].read_text())
    done = ended(client, response)
    assert done["status"] == "done", done
    assert [word["text"] for word in done["answers"][0]["words"]]
    assert set(done["answers"][0]["used"]) == set(MODALITIES)
    assert folder(client) == ["workshop"]
    path = response.headers["Location"]
    assert [client.delete(path).status_code, client.delete(path).status_code] == [204, 404]
    assert client.get(path).status_code == 404
    assert not Path("/tmp/evil.mp4").exists()


def test_a_playlist_opens_no_file(client: TestClient, demo: Path):
    sample = sample_of(demo)
    assert sample is not None
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{sample[0]}\n",
        f"ffconcat version 1.0\nfile {sample[0]}\n",
    ):
        failed = ended(client, upload(client, text.encode(), "a.mp4", transcript="hello"))
        assert (failed["status"], failed["error"]["code"], failed["answers"]) == ("failed", "unusable_clip", [])
    assert folder(client) == ["workshop"]


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (413, {"clip": b"x" * (2**20 + 1)}),
        (413, {"clip": b"x", "transcript": b"y" * 1001}),
        (422, {"clip": b""}),
        (422, {"transcript": b"hello"}),
        (422, {"clip": b"x", "cut": b"maybe"}),
        (422, {"clip": b"x", "url": b"http://localhost/"}),
    ],
)
def test_forms_with_wrong_parts_are_refused(client: TestClient, status: int, parts: dict[str, bytes]):
    response = client.post("/predict/media", files={name: (name, data) for name, data in parts.items()})
    assert response.status_code == status, response.text
    assert folder(client) == ["workshop"]


def test_a_body_that_is_no_form_is_refused(client: TestClient):
    cut_off = b"--b\r\nContent-Disposition: form-data; name=clip\r\n\r\nabc"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post("/predict/media", content=cut_off, headers=headers).status_code == 400
    assert client.post("/predict/media", content=b"nonsense", headers=headers).status_code == 400
    assert client.post("/predict/media", content=b"x", headers={"Content-Type": "video/mp4"}).status_code == 415


def test_clips_beyond_the_queue_wait_outside_and_a_waiting_one_can_be_forgotten(client: TestClient, demo: Path):
    sample = sample_of(demo)
    assert sample is not None
    clip = sample[0].read_bytes()
    first = upload(client, clip, transcript="one")
    until(lambda: client.get(first.headers["Location"]).json()["status"] == "running")
    second, third = (upload(client, clip, transcript="one") for _ in range(2))
    full = upload(client, clip, transcript="one")
    assert (full.status_code, full.headers["Retry-After"]) == (429, "30")
    assert [third.json()["position"], client.get(third.headers["Location"]).json()["position"]] == [1, 1]
    for response in (second, third, first):
        assert client.delete(response.headers["Location"]).status_code == 204
    until(lambda: folder(client) == ["workshop"])
    assert ended(client, upload(client, b"no clip"))["error"]["code"] == "unusable_clip"  # a new worker took over
