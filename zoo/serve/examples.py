"""What OpenAPI says of the bodies that the routes read by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mmfeat.types import MODALITIES, Modality
from zoo.serve.documents import PredictRequest

REFERENCE = "#/components/schemas/{model}"
ARRAYS = (
    "Arrays named text, audio, vision (rows, width), float; observed.text ... (rows,), bool; of several utterances "
    "with '<id>/' before each name."
)
BINARY = {"type": "string", "format": "binary", "description": ARRAYS}

PREDICT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": REFERENCE.format(model="PredictRequest")}},
            "application/x-npz": {"schema": BINARY},
            "application/x-safetensors": {"schema": BINARY},
        },
    },
    "parameters": [
        {
            "name": "what_if",
            "in": "query",
            "required": False,
            "description": "Also answer under each of the seven combinations of modalities.",
            "schema": {"type": "boolean", "default": False},
        }
    ],
}

MEDIA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["clip"],
                    "properties": {
                        "clip": {
                            "type": "string",
                            "format": "binary",
                            "minLength": 1,
                            "description": "Sound or video.",
                        },
                        "transcript": {
                            "type": "string",
                            "description": "What is said: text, or a file: TextGrid, SRT, WebVTT, JSON, CSV.",
                        },
                        "cut": {
                            "type": "string",
                            "enum": ["true", "false"],
                            "default": "true",
                            "description": "Cut at pauses; else the clip is one utterance.",
                        },
                    },
                    "additionalProperties": False,
                },
            }
        },
    }
}


def describe(app: FastAPI, dims: Mapping[Modality, int] | None) -> dict[str, Any]:
    """The whole OpenAPI description, with the bodies that FastAPI does not see.

    Parameters
    ----------
    app : FastAPI
    dims : mapping of Modality to int, optional
        Widths of the rows that the model takes; None: not known yet.
    """
    described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    body = PredictRequest.model_json_schema(ref_template=REFERENCE)
    schemas = described["components"]["schemas"]
    schemas.update(body.pop("$defs"))
    schemas["PredictRequest"] = body
    if dims is not None:
        _describe_widths(schemas["UtteranceBody"]["properties"], dims)
        content = described["paths"]["/predict"]["post"]["requestBody"]["content"]
        content["application/json"]["examples"] = _examples(dims)
    described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    described["security"] = [{}, {"token": []}]
    return described


def _describe_widths(properties: dict[str, Any], dims: Mapping[Modality, int]) -> None:
    """Put the widths of this model's rows where a schema alone knows none."""
    for name in MODALITIES:
        if name not in dims:
            del properties[name]
            continue
        rows = properties[name]
        rows["minItems"] = 1
        rows["items"]["minItems"] = rows["items"]["maxItems"] = dims[name]


def _examples(dims: Mapping[Modality, int]) -> dict[str, Any]:
    """Bodies that this very model answers, short ones: of the modality with the fewest dimensions."""
    name = min(dims, key=lambda each: dims[each])
    row, silent = [0.5] * dims[name], [0.0] * dims[name]
    unreal = {"id": "a", name: [row, silent], "observed": {name: [True, False]}}
    return {
        "one modality": {
            "summary": f"One utterance of two words of which only {name} is there.",
            "value": {"utterances": [{"id": "a", name: [row, row]}]},
        },
        "a row that is not real": {
            "summary": "The second word was not observed; and what if a modality were not there?",
            "value": {"utterances": [unreal], "what_if": True},
        },
    }
