"""Figures that others published, to stand beside ours and never among them.

``quoted.csv`` holds them as printed (per cent, but for MAE). Each names its source and table; `SOURCES` says what the
source is, on what features, and what is odd about it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zoo.types import Task

AVERAGE = "avg"  # the condition of an average that the source prints
CORPORA = ("mosi", "mosei", "iemocap")
_FILE = Path(__file__).with_name("quoted.csv")


@dataclass(frozen=True)
class Source:
    """Where figures are from, and what a reader has to know before comparing."""

    paper: str
    reference: str  # DOI, arXiv number or venue
    read_in: str  # what the figures were copied from
    comparable: str  # under which conditions, if at all, ours may be held against them
    average: str  # what the average that it prints runs over
    remarks: Mapping[str, tuple[str, ...]]  # table ('' for all) -> what is odd about it


@dataclass(frozen=True)
class Quoted:
    """One published figure."""

    source: str  # key of `SOURCES`
    table: str
    corpus: str  # of `CORPORA`
    task: str  # in the words of the source
    model: str
    condition: str  # `zoo.conditions.Condition.name`, `AVERAGE`, or "not stated"
    label: str  # of several yes-or-no labels
    printed: str  # the source's name of the metric
    metric: str  # ours that comes nearest
    value: float  # as printed


SOURCES: Mapping[str, Source] = {
    "aumdf": Source(
        paper="Wang, Wang, Ouyang: AUMDF. Chinese Journal of Computers, 2025",
        reference="DOI 10.11897/SP.J.1016.2025.01923",
        read_in="the paper",
        comparable="Not comparable unless the features are GloVe 300, COVAREP 74 and MA-Net 1024 (of its baselines, "
        "some rows stand on Facet) and the splits 1284/229/686, 16326/1871/4659 and 2717/798/938.",
        average="all seven combinations (cut off, not rounded, in some rows)",
        remarks={
            "3": (
                "MAE: for one modality far below what three give on the scale -3 .. 3, so it is on some other scale. "
                "Compare F1.",
                "F1: the rows of Self-MM and CubeMLP are those of HRLF's table in all six incomplete combinations, so "
                "they are quotations (Facet), not runs on AUMDF's features.",
            ),
            "4": (
                "MAE: on another scale than -3 .. 3, as in table 3. Compare F1.",
                "F1: the rows of Self-MM and CubeMLP are those of HRLF's table in all six incomplete combinations. "
                "MISA's averages are not printed.",
            ),
            "5": (
                "Four yes-or-no problems on one fixed split. AUMDF's row of happy is CorrKD's in HRLF's table plus 0.1 "
                "in each of the seven combinations.",
            ),
            "6": (
                "The text beside the table reads its rows shifted by one: it gives the loss without DWAM as 8.2 %, "
                "which is the row without all three.",
                "The full model has MAE 0.758 here and 0.684 in table 7.",
            ),
            "7": (
                "The row without the task loss cannot exist as printed: nothing would train the head.",
                "The full model has MAE 0.684 here and 0.758 in table 6. The condition is not stated for this table; "
                "the section's is frame drop 0.2.",
            ),
        },
    ),
    "hrlf": Source(
        paper="Li, Yang, Liu and others: HRLF. NeurIPS 2024",
        reference="arXiv 2411.02793",
        read_in="our notes on it",
        comparable="Not comparable unless the features are GloVe 300, COVAREP 74 and Facet, and the splits those of "
        "AUMDF: AUMDF's MA-Net differs in every combination with vision.",
        average="the six incomplete combinations",
        remarks={"": ("F1 is weighted, of negative against positive (zeros left out).",)},
    ),
    "momke": Source(
        paper="Xu, Jiang, Liang: MoMKE. ACM Multimedia 2024",
        reference="ACM MM 2024",
        read_in="a review's slides",
        comparable="Not comparable: utterance vectors of wav2vec, DeBERTa and MA-Net, one model per combination, the "
        "best epoch chosen on the test data; IEMOCAP by leaving one session out.",
        average="the six incomplete combinations",
        remarks={
            "": (
                "Rows marked by the paper as taken from others are on other features; on MOSI and MOSEI zeros are out.",
            )
        },
    ),
    "hardy-mer": Source(
        paper="Liu, Zuo, Lian, Yuan, Fan: HARDY-MER. ACM Multimedia 2025",
        reference="arXiv 2508.06800",
        read_in="a review's slides",
        comparable="Not comparable: as MoMKE, and its features are fine-tuned on labels of test utterances.",
        average="the six incomplete combinations",
        remarks={
            "": (
                "On MOSEI its figures for a and for a,v are identical: probably a slip of copying.",
                "Its rows of MMIN on IEMOCAP repeat MMIN's own run on other features with digits changed.",
            )
        },
    ),
}


@cache
def load() -> tuple[Quoted, ...]:
    """All figures, in the order of the file."""
    with _FILE.open(encoding="utf-8", newline="") as handle:
        return tuple(
            Quoted(
                row["source"],
                row["table"],
                row["corpus"],
                row["task"],
                row["model"],
                row["condition"],
                row["label"],
                row["printed"],
                row["metric"],
                float(row["value"]),
            )
            for row in csv.DictReader(handle)
        )


def corpus_of(dataset: str) -> str | None:
    """Tell by its name which published corpus a dataset is: "CMU-MOSI" and "mosi_2" are "mosi"; None: none."""
    parts = re.split(r"[^a-z0-9]+", dataset.lower())
    return next((corpus for corpus in CORPORA if corpus in parts), None)


def figures(
    dataset: str,
    task: Task | None = None,
    *,
    metric: str | None = None,
    condition: str | None = None,
    model: str | None = None,
    source: str | None = None,
    table: str | None = None,
) -> tuple[Quoted, ...]:
    """Look up what was published.

    Parameters
    ----------
    dataset : str
        Its name, as `corpus_of` reads it.
    task : Task, optional
        Only figures of this kind of task, and with as many classes.
    metric : str, optional
        The source's name of it ("F1") or ours ("Non0_F1_score").
    condition, model, source, table : str, optional
        As the fields of `Quoted`.

    Returns
    -------
    tuple of Quoted
        Empty where nothing was published.
    """
    corpus = corpus_of(dataset)
    wanted = {"condition": condition, "model": model, "source": source, "table": table}
    asked = {name: value for name, value in wanted.items() if value is not None}
    return tuple(
        figure
        for figure in load()
        if figure.corpus == corpus
        and (task is None or _suits(figure.task, task))
        and (metric is None or metric in (figure.printed, figure.metric))
        and all(getattr(figure, name) == value for name, value in asked.items())
    )


def remarks(source: str, table: str) -> tuple[str, ...]:
    """What has to stand below a table of a source."""
    about = SOURCES[source]
    averaged = any((each.source, each.table, each.condition) == (source, table, AVERAGE) for each in load())
    average = [f"{AVERAGE}: as printed, over {about.average}."] if averaged else []
    return (about.comparable, *about.remarks.get("", ()), *about.remarks.get(table, ()), *average)


def _suits(words: str, task: Task) -> bool:
    kinds = {"score": ("regression", "2 classes"), "binary": ("4 binary emotions",)}
    return words in kinds.get(task.kind, (f"{len(task.classes)} classes",))
