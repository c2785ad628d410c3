from __future__ import annotations

import pytest

from zoo.results.quoted import AVERAGE, SOURCES, corpus_of, figures, load, remarks
from zoo.results.quoted_tables import quoted_tables
from zoo.types import Task

SCORE = Task("score", ("sentiment",))
BINARY = Task("binary", ("happy", "sad", "angry", "neutral"))
FOUR = Task("classes", ("emotion4",), ("happy", "sad", "neutral", "angry"))
INCOMPLETE = ("l", "a", "v", "l,a", "l,v", "a,v")


def one(dataset: str, **asked: str) -> float:
    (figure,) = figures(dataset, **asked)  # type: ignore[arg-type]
    return figure.value


def row(source: str, dataset: str, model: str, metric: str) -> dict[str, float]:
    found = figures(dataset, source=source, model=model, metric=metric)
    return {figure.condition: figure.value for figure in found}


@pytest.mark.parametrize(
    ("dataset", "model", "condition", "metric", "value"),
    [
        ("CMU-MOSI", "AUMDF", "l", "F1", 81.31),
        ("mosi", "AUMDF", "l", "MAE", 0.762),
        ("mosei", "AUMDF", "l,a,v", "MAE", 0.705),
        ("mosei_2", "AUMDF", AVERAGE, "F1", 72.06),
        ("iemocap", "AUMDF", "a,v", "F1_sad", 72.4),
        ("mosi", "EMT", "l,a", "F1", 77.18),
    ],
)
def test_a_figure_of_aumdf_is_found(dataset: str, model: str, condition: str, metric: str, value: float) -> None:
    assert one(dataset, source="aumdf", model=model, condition=condition, metric=metric) == value


def test_figures_of_other_papers_are_found() -> None:
    assert one("mosi", source="hrlf", model="CorrKD", condition="l", metric="F1") == 81.20
    assert one("iemocap", source="momke", model="MoMKE", condition="l", metric="UA") == 78.37
    assert one("mosei", source="hardy-mer", model="HARDY-MER", condition="v", metric="ACC") == 69.35


def test_a_metric_is_found_by_its_printed_name_and_by_ours() -> None:
    assert figures("mosi", metric="Non0_F1_score", source="aumdf", table="3") == figures(
        "mosi", metric="F1", source="aumdf", table="3"
    )


def test_averages_as_printed_are_those_of_their_source() -> None:
    aumdf, hrlf = row("aumdf", "mosi", "MISA", "F1"), row("hrlf", "mosi", "HRLF", "F1")
    assert aumdf[AVERAGE] == pytest.approx(sum(aumdf[name] for name in (*INCOMPLETE, "l,a,v")) / 7, abs=0.006)
    assert hrlf[AVERAGE] == pytest.approx(sum(hrlf[name] for name in INCOMPLETE) / 6, abs=0.006)


def test_remarks_about_copied_rows_are_true_of_the_figures() -> None:
    for dataset in ("mosi", "mosei"):
        for model in ("Self-MM", "CubeMLP"):
            printed, original = row("aumdf", dataset, model, "F1"), row("hrlf", dataset, model, "F1")
            assert {name: printed[name] for name in INCOMPLETE} == {name: original[name] for name in INCOMPLETE}
    ours, theirs = row("aumdf", "iemocap", "AUMDF", "F1_happy"), row("hrlf", "iemocap", "CorrKD", "F1_happy")
    assert {round(ours[name] - theirs[name], 6) for name in (*INCOMPLETE, "l,a,v")} == {0.1}
    copied = row("hardy-mer", "mosei", "HARDY-MER", "ACC")
    assert copied["a"] == copied["a,v"]


def test_the_two_ablations_are_quoted_with_what_is_odd_about_them() -> None:
    assert one("mosi", table="6", model="AUMDF full", metric="MAE") == 0.758
    assert one("mosi", table="7", model="AUMDF L_reg+L_CSD+L_SRD+L_task", metric="MAE") == 0.684
    assert "cannot exist" in " ".join(remarks("aumdf", "7"))
    assert "shifted" in " ".join(remarks("aumdf", "6"))
    assert "0.684" in " ".join(remarks("aumdf", "6"))
    assert not any(text.startswith(AVERAGE) for text in remarks("aumdf", "6"))


def test_only_figures_of_the_same_kind_of_task_are_given() -> None:
    assert {figure.task for figure in figures("iemocap", BINARY)} == {"4 binary emotions"}
    assert {figure.task for figure in figures("iemocap", FOUR)} == {"4 classes"}
    assert {figure.metric for figure in figures("mosi", SCORE)} == {"MAE", "Non0_F1_score", "Non0_acc_2"}


def test_the_corpus_is_told_by_its_name() -> None:
    assert [corpus_of(name) for name in ("CMU-MOSEI", "mosi", "iemocap-test", "demo", "mosimosei")] == [
        "mosei",
        "mosi",
        "iemocap",
        None,
        None,
    ]
    assert figures("demo") == ()
    assert list(quoted_tables("demo", SCORE)) == []


def test_every_figure_has_a_source_and_a_range() -> None:
    for figure in load():
        assert figure.source in SOURCES
        assert 0 < figure.value < (1 if figure.printed == "MAE" else 100)


def test_every_table_of_quotations_says_that_it_is_one() -> None:
    text = "\n\n".join(quoted_tables("mosi", SCORE))
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| model", "| ---"))]
    assert rows
    assert all("(quoted)" in line for line in rows)
    assert "| AUMDF (quoted) | 81.31 | 64.53 | 60.84 | 73.68 | 79.41 | 73.84 | 84.37 | 73.99 |" in rows
    assert text.count("Not comparable") == text.count("###")
