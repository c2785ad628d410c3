"""The routes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from zoo.predict.features import check
from zoo.serve.bodies import parse, read_body
from zoo.serve.documents import AcceptedJob, JobBody, ModelsBody, PredictAnswer, StateBody, errors
from zoo.serve.examples import MEDIA, PREDICT, describe
from zoo.serve.gate import Endpoint, Gate
from zoo.serve.refusals import Refused
from zoo.serve.service import Service
from zoo.serve.settings import Settings
from zoo.serve.uploads import receive_upload

ABOUT = "Sentiment and emotion of utterances and clips, with any modality missing. Every error has the same form."
SWITCH = {"true": True, "1": True, "false": False, "0": False}


def create_app(settings: Settings) -> FastAPI:
    """Make the service. Its workers live from the start of the application to its stop.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    FastAPI
        With the `Service` as ``app.state.service``; ``service.access.open(path)`` lets everybody see a path.
    """
    service = Service(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.alive():
            yield

    # No /docs: that page loads its scripts from elsewhere.
    app = FastAPI(
        title="zoo",
        version="1",
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    shortcuts: dict[str, Endpoint] = {}
    app.add_middleware(Gate, access=service.access, metrics=service.metrics, shortcuts=shortcuts)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _not_found)
    # At the application itself: a router that is included is looked through anew with every request.
    shortcuts["/predict"] = _add_predict(app, service)
    _add_media(app, service)
    _add_watching(app, service)
    app.openapi = lambda: _described(app, service)  # type: ignore[method-assign]
    return app


def _add_predict(app: FastAPI, service: Service) -> Endpoint:
    limits = service.settings.limits

    @app.post(
        "/predict",
        response_model=PredictAnswer,
        responses=errors(400, 408, 413, 415, 422, 429, 503),
        openapi_extra=PREDICT,
        summary="Answer for the feature rows of utterances",
    )
    async def predict(request: Request) -> Response:
        service.require_open()
        service.answering.waiting.require_room()
        what_if = _switch(request.query_params.get("what_if", "false"))
        body = await read_body(request, limits)
        asked = await parse(request.headers.get("content-type", ""), body, what_if, limits)
        described = service.answering.require_described()
        for utterance in asked.utterances:
            check(utterance, described.dims, described.level)
        answers = await service.answering.answer(asked.utterances, asked.what_if)
        return Response(
            b'{"model":%b,"answers":[%b]}' % (described.text, bytes(answers)), media_type="application/json"
        )

    return predict


def _add_media(app: FastAPI, service: Service) -> None:
    limits = service.settings.limits

    @app.post(
        "/predict/media",
        status_code=202,
        response_model=AcceptedJob,
        responses=errors(400, 408, 413, 415, 422, 429, 503),
        openapi_extra=MEDIA,
        summary="Queue a clip to be answered for",
    )
    async def predict_media(request: Request) -> Response:
        service.require_open()
        with service.jobs.place() as job:
            await receive_upload(request, job, limits)
            position = service.jobs.put(job)
        told = {"id": job.id, "status": "queued", "position": position}
        return _json(told, 202, {"Location": f"/predict/media/{job.id}"})

    @app.get("/predict/media/{id}", response_model=JobBody, responses=errors(404, 422), summary="How far a clip is")
    async def media(id: str) -> Response:
        job = service.jobs.get(id)
        return Response(service.jobs.as_json(job), media_type="application/json")

    @app.delete("/predict/media/{id}", status_code=204, responses=errors(404, 422), summary="Forget a clip")
    async def forget_media(id: str) -> Response:
        service.jobs.forget(id)
        return Response(status_code=204)


def _add_watching(app: FastAPI, service: Service) -> None:
    @app.get("/models", response_model=ModelsBody, responses=errors(503), summary="The models that answer here")
    async def models() -> Response:
        return _json({"models": [service.answering.require_described().as_json()]})

    @app.get("/health", response_model=StateBody, responses=errors(), summary="Whether the process lives")
    async def health() -> Response:
        return _json({"status": "ok"})

    @app.get(
        "/ready",
        response_model=StateBody,
        responses=errors() | {503: {"model": StateBody, "description": "Not now."}},
        summary="Whether requests are answered now",
    )
    async def ready() -> Response:
        if service.ready:
            return _json({"status": "ok"})
        return _json({"status": "stopping" if service.stopping else "loading"}, 503, {"Retry-After": "1"})

    @app.get("/metrics", responses=errors() | {200: METRICS}, summary="Figures for Prometheus")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")


METRICS: dict[str, Any] = {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Text format."}


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content), status, headers, "application/json")


def _switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise Refused(422, "unsuitable", f"what_if {text[:20]!r}; expected true or false; mend the address")
    return SWITCH[text.lower()]


def _allowed(request: Request) -> str:
    """All methods of a path; Starlette names those of the first of its routes alone."""
    found = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return ", ".join(sorted(found))


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response()


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    allow = _allowed(request) if error.status_code == 405 else None
    code = {404: "not_found", 405: "unknown_method"}.get(error.status_code, "refused")
    return Refused(
        error.status_code, code, f"{error.detail}; expected what /openapi.json says; ask so", allow=allow
    ).response()


def _described(app: FastAPI, service: Service) -> dict[str, Any]:
    model = service.answering.described
    if model is None:
        return describe(app, None)
    app.openapi_schema = app.openapi_schema or describe(app, model.dims)
    return app.openapi_schema
