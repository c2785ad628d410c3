"""The forms of requests and answers, as OpenAPI describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from mmfeat.types import MODALITIES, Modality

LONGEST = 10_000  # of a list, whatever the limits: beyond it reading stops
NAME = 200

Row = Annotated[list[FiniteFloat], Field(max_length=LONGEST, fail_fast=True)]
Rows = Annotated[list[Row], Field(max_length=LONGEST, fail_fast=True)]
Flags = Annotated[list[bool], Field(max_length=LONGEST, fail_fast=True)]


class UtteranceBody(BaseModel):
    """Feature rows of one utterance, one per word; a modality that is absent is left out."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"anyOf": [{"required": [name]} for name in MODALITIES]}
    )

    id: str = Field("", max_length=NAME, description="Comes back with the answer; default: its number.")
    # None stands for what is left out; it cannot be given.
    text: Rows = Field(cast(Rows, None), description="Rows of the text extractor of the model's card.")
    audio: Rows = cast(Rows, None)
    vision: Rows = cast(Rows, None)
    observed: dict[Modality, Flags] = Field({}, description="Whether each row is real; default: all are.")
    dialogue: str = Field("", max_length=NAME, description="Of models of dialogues: which utterances belong together.")
    turn: int = Field(0, ge=0, le=2**31, description="And their order.")
    speaker: str = Field("", max_length=NAME)


class PredictRequest(BaseModel):
    """Utterances to answer for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    utterances: list[UtteranceBody] = Field(min_length=1, max_length=LONGEST, fail_fast=True)
    what_if: bool = Field(False, description="Also answer under each of the seven combinations of modalities.")


class ValueBody(BaseModel):
    """An answer in the terms of the model's task."""

    label: str
    score: float | None = Field(description="Of a score task, else null.")
    probabilities: dict[str, float] = Field(description="Of each class or yes-or-no label; empty for a score.")


class WordBody(BaseModel):
    """A spoken word; an empty text where the words are not known."""

    text: str
    start: float
    end: float


class AnswerBody(BaseModel):
    """What the model says of one utterance, and what that was based on."""

    id: str
    recording: str | None
    start: float | None
    end: float | None
    words: list[WordBody]
    answer: ValueBody
    used: list[Modality]
    observed: dict[Modality, float] = Field(description="Share of the rows that were observed.")
    weights: dict[Modality, float] | None = Field(description="Share of each modality in the answer.")
    what_if: dict[str, ValueBody | None] = Field(description="By what is kept; null where nothing of it was observed.")


class TaskBody(BaseModel):
    """What the model predicts."""

    kind: Literal["score", "classes", "binary"]
    targets: list[str]
    classes: list[str]


class ModelBody(BaseModel):
    """What is known of the model."""

    name: str
    model: str
    stage: str
    dataset: str
    task: TaskBody
    level: Literal["words", "dialogue"]
    dims: dict[Modality, int]
    features: dict[Modality, str]
    weights_sha256: str
    code_version: str
    licence: str


class ModelsBody(BaseModel):
    """The models that answer here."""

    models: list[ModelBody]


class PredictAnswer(BaseModel):
    """Answers in the order of the utterances."""

    model: ModelBody
    answers: list[AnswerBody]


class Fault(BaseModel):
    """Why there is no answer."""

    code: str
    message: str


class ErrorBody(BaseModel):
    """The form of every error."""

    error: Fault


class AcceptedJob(BaseModel):
    """A clip that waits for its turn."""

    id: str
    status: Literal["queued"]
    position: int


class FailureBody(BaseModel):
    """What went wrong with a part of a clip."""

    id: str
    stage: str
    reason: str


class JobBody(BaseModel):
    """How far a clip is."""

    id: str
    status: Literal["queued", "running", "done", "failed"]
    position: int | None
    stage: str | None
    done: int
    total: int
    answers: list[AnswerBody]
    failures: list[FailureBody]
    error: Fault | None


class StateBody(BaseModel):
    """Whether the service lives, or is ready."""

    status: Literal["ok", "loading", "stopping"]


ERRORS = {
    400: "The body cannot be read.",
    401: "No token, or a wrong one.",
    404: "No such thing.",
    405: "Another method.",
    408: "The body came too slowly.",
    413: "The body, or what is in it, is too large.",
    415: "Another content type.",
    421: "Another host name than that of this machine.",
    422: "What was sent does not fit the model.",
    429: "Too much is waiting; try again after Retry-After.",
    500: "A fault of the service.",
    503: "Loading, stopping, or a worker failed; try again after Retry-After.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the statuses that a route may answer with, beside those that any may."""
    return {
        status: {"model": ErrorBody, "description": ERRORS[status]} for status in sorted({*statuses, 401, 421, 500})
    }
