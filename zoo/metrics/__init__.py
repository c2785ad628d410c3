"""Metrics: of a score, of classes, of yes-or-no labels, and `measure`, by which everything else gets them.

A metric that does not exist (no utterance left, a class that neither occurs nor is answered) is left out of the
mapping; it is never NaN. Every metric can also be had for many resamples of the utterances at once.
"""

from zoo.metrics.binary import binary_metrics
from zoo.metrics.classes import class_metrics
from zoo.metrics.confusion import confusion
from zoo.metrics.measuring import LOWER_IS_BETTER, constant_answer, decide, main_metric, measure, measure_draws
from zoo.metrics.score import round_half_even, score_metrics

__all__ = [
    "LOWER_IS_BETTER",
    "binary_metrics",
    "class_metrics",
    "confusion",
    "constant_answer",
    "decide",
    "main_metric",
    "measure",
    "measure_draws",
    "round_half_even",
    "score_metrics",
]
