"""From a checkpoint to an answer: for feature rows, and for clips."""

from zoo.predict.answer import Answer, Value
from zoo.predict.clips import Answered, Handling, answer_clips, choices_of
from zoo.predict.features import Features
from zoo.predict.plot import changes, draw_recording
from zoo.predict.predictor import Predictor
from zoo.predict.table import as_json, as_table

__all__ = [
    "Answer",
    "Answered",
    "Features",
    "Handling",
    "Predictor",
    "Value",
    "answer_clips",
    "as_json",
    "as_table",
    "changes",
    "choices_of",
    "draw_recording",
]
