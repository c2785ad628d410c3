from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from mmfeat.errors import OutputError
from mmfeat.types import FloatArray
from zoo.conditions import CONDITIONS
from zoo.emotion_change import timeline
from zoo.errors import DataError
from zoo.predictions import Predictions
from zoo.results import collect, compare, summary_text, write
from zoo.results.collected import FLOOR
from zoo.results.curves import draw_curves
from zoo.results.dialogue import ROW, draw_dialogue
from zoo.results.drawing import COLOURS, DPI, look
from zoo.results.embedding import draw_embedding, neighbour_accuracy
from zoo.results.heat import draw_heat
from zoo.results.markdown import conditions_table, document, metrics_table
from zoo.results.tables import long_csv, summary_csv
from zoo.types import Task

KEYS = {condition.name: condition.key for condition in CONDITIONS}
SCORE = Task("score", ("sentiment",))
CLASSES = Task("classes", ("emotion4",), ("happy", "sad", "neutral", "angry"))
BINARY = Task("binary", ("happy", "sad"))


def predictions(
    task: Task, targets: object, answers: Mapping[str, object], spared: Mapping[str, object] | None = None
) -> Predictions:
    truth = np.array(targets, dtype=np.float64).reshape(-1, len(task.targets))
    count = len(truth)
    none = np.zeros(count, dtype=np.bool_)
    return Predictions(
        task=task,
        ids=tuple(f"u{number}" for number in range(count)),
        dialogues=tuple(f"d{number // 4}" for number in range(count)),
        turns=np.arange(count) % 4,
        speakers=tuple("AB"[number % 2] for number in range(count)),
        targets=truth,
        known=np.ones(truth.shape, dtype=np.bool_),
        answers={KEYS[name]: np.array(rows, dtype=np.float64).reshape(count, -1) for name, rows in answers.items()},
        spared={KEYS[name]: np.array((spared or {}).get(name, none), dtype=np.bool_) for name in answers},
        constant=np.zeros(task.outputs) + 0.5,
    )


def made_up(task: Task, seed: int, noise: float = 1.0) -> Predictions:
    rng = np.random.default_rng(0)
    wide = (80, len(task.targets))
    truth = rng.integers(-3, 4, wide) if task.kind == "score" else rng.integers(0, max(len(task.classes), 2), wide)
    ideal = {"score": truth, "binary": truth * 2 - 1, "classes": np.eye(4)[truth[:, 0] % 4]}[task.kind]
    drawn = np.random.default_rng(seed + 1)
    return predictions(task, truth, {name: ideal + drawn.normal(0, noise, ideal.shape) for name in KEYS})


def two_models(task: Task = SCORE) -> dict[str, dict[int, Predictions]]:
    return {
        "good": {seed: made_up(task, seed, 0.5) for seed in range(3)},
        "worse": {seed: made_up(task, 10 + seed, 2.5) for seed in range(3)},
    }


def hand_made() -> dict[str, dict[int, Predictions]]:
    """Model m errs by 0.5 and 1.5 in {l} (seeds 0 and 1) and by 1 in {l,a,v}; {v} spares all, {a} one of four."""
    truth, spared = [1, -1, 2, -2], {"v": [True] * 4, "a": [True, False, False, False]}

    def run(error: float) -> Predictions:
        off = np.array(truth) + error
        answers = {"l": off, "a": np.array(truth) + [9, 2, 2, 2], "v": off, "l,a,v": np.array(truth) + 1.0}
        return predictions(SCORE, truth, answers, spared)

    return {"m": {0: run(0.5), 1: run(1.5)}}


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_long_table_has_every_score_with_its_counts_and_mask() -> None:
    rows = rows_of(long_csv(collect("mosi", hand_made())))
    found = {(row["model"], row["seed"], row["condition"]): row for row in rows if row["metric"] == "MAE"}
    assert found["m", "0", "l"]["value"] == "0.5"
    assert found["m", "1", "l"]["value"] == "1.5"
    spared = found["m", "0", "a"]
    assert (spared["value"], spared["scored"], spared["spared"]) == ("2", "3", "1")
    assert spared["mask"] == KEYS["a"]
    assert spared["group"] == "combination"
    assert found[FLOOR, "", "l"]["value"] == "1.5"  # of 0.5 against 1, -1, 2, -2
    assert ("m", "0", "v") not in found


def test_the_summary_is_mean_and_deviation_over_seeds() -> None:
    rows = rows_of(summary_csv(collect("mosi", hand_made())))
    found = {(row["model"], row["condition"]): row for row in rows if row["metric"] == "MAE"}
    assert found["m", "l"]["mean"] == "1"
    assert float(found["m", "l"]["deviation"]) == pytest.approx(0.5**0.5)
    assert found["m", "l"]["seeds"] == "2"
    assert found["m", "mean_incomplete"]["mean"] == "1.5"  # of l: 0.5, 1.5 and a: 2, 2
    assert found["m", "worst"]["mean"] == "2"
    assert found[FLOOR, "l"]["deviation"] == ""


def test_a_condition_without_a_score_is_a_dash() -> None:
    text = conditions_table(collect("mosi", hand_made()), ["MAE"], ["l", "v", "a", "mean_incomplete"])
    header, _, model, floor = text.splitlines()
    assert header == "| model | {l} | {v} | {a} | mean of 6 |"
    assert model == "| m | 1.000 ± 0.707 | – | 2.000 ± 0.000 | 1.500 ± 0.354 (2 of 6) |"
    assert floor.startswith(f"| {FLOOR} | 1.500 | – |")


def test_shares_are_shown_in_per_cent_without_a_deviation_of_one_seed() -> None:
    truth = [0, 1, 2, 3]
    answers = np.eye(4)[[0, 1, 2, 2]]
    results = collect("iemocap", {"m": {5: predictions(CLASSES, truth, {"frame_drop 0.2": answers})}})
    assert metrics_table(results, ["UA", "WA"], "frame_drop 0.2").splitlines()[2] == "| m | 75.00 | 75.00 |"


def test_a_deviation_is_in_the_unit_of_its_mean() -> None:
    truth = [0, 1, 2, 3]
    said = ([0, 1, 2, 3], [0, 1, 1, 1])
    runs = {seed: predictions(CLASSES, truth, {"l": np.eye(4)[each]}) for seed, each in enumerate(said)}
    text = conditions_table(collect("iemocap", {"m": runs}), ["WA"], ["l"])
    assert text.splitlines()[2] == "| m | 75.00 ± 35.36 |"


def test_yes_or_no_labels_share_one_table() -> None:
    text = document(collect("iemocap", {"m": {0: made_up(BINARY, 0)}}), [])
    assert "| model | metric | {l} |" in text
    assert "| m | F1_happy |" in text
    assert "change_F1" not in text


def test_quoted_rows_stand_below_ours_and_never_among_them() -> None:
    ours, _, quoted = document(collect("mosi", two_models()), []).partition("## Quoted")
    assert "(quoted)" not in ours
    assert "AUMDF (quoted) | 81.31" in quoted
    assert "good" not in quoted.split()


def test_a_clear_difference_is_beyond_chance_and_none_is_not() -> None:
    runs = two_models() | {"same": two_models()["good"]}
    results = collect("mosi", runs)
    clear = {row.column: row for row in compare(results, "good", "worse", "MAE", draws=200)}
    assert list(clear) == ["l", "a", "v", "l,a", "l,v", "a,v", "l,a,v", "mean_incomplete", "mean_all"]
    assert clear["mean_all"].interval.difference < 0
    assert clear["mean_all"].beyond_chance
    assert not any(row.beyond_chance for row in compare(results, "good", "same", draws=100))


def test_a_condition_that_cannot_be_scored_is_not_compared() -> None:
    runs = hand_made() | {"other": hand_made()["m"]}
    found = compare(collect("mosi", runs), "m", "other", "MAE", draws=20)
    assert {row.column for row in found} == {"l", "a", "l,a,v"}
    assert {row.unit for row in found} == {"utterance"}  # there is one dialogue only


def test_runs_of_different_utterances_are_refused() -> None:
    runs = hand_made()
    runs["other"] = {0: dataclasses.replace(runs["m"][0], ids=("a", "b", "c", "d"))}
    with pytest.raises(DataError, match=r"m \(seed 0\) and other \(seed 0\) have different utterances; expected"):
        collect("mosi", runs)


def test_no_runs_are_refused() -> None:
    with pytest.raises(DataError, match="1 models without a run"):
        collect("mosi", {"m": {}})


def test_an_unknown_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="model 'x'; expected one of m"):
        write(tmp_path, "mosi", hand_made(), reference="x")


def assert_is_picture(path: Path, least: tuple[int, int] = (200, 400)) -> None:
    image = matplotlib.image.imread(path)
    assert image.shape[0] >= least[0]
    assert image.shape[1] >= least[1]
    assert max(image.shape) < 4000
    assert np.mean(image[..., :3].min(axis=2) < 0.7) > 0.002  # something dark is on it
    assert np.mean(image[..., :3].min(axis=2) > 0.95) > 0.2  # and something is left white


@pytest.mark.parametrize(("task", "pictures"), [(SCORE, 4), (CLASSES, 2), (BINARY, 2)])
def test_everything_is_written_and_the_same_again(tmp_path: Path, task: Task, pictures: int) -> None:
    first = write(tmp_path / "one", "mosi", two_models(task), draws=20)
    again = write(tmp_path / "two", "mosi", two_models(task), draws=20)
    assert sorted(path.name for path in first) == sorted(path.name for path in (tmp_path / "one").iterdir())
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    shown = [path for path in first if path.suffix == ".png"]
    assert len(shown) == pictures
    for path in shown:
        assert_is_picture(path)
    assert "good – worse" in (tmp_path / "one" / "results.md").read_text(encoding="utf-8")


def test_without_rates_there_is_no_curve(tmp_path: Path) -> None:
    names = [path.name for path in write(tmp_path, "demo", hand_made())]
    assert names == ["scores.csv", "summary.csv", "results.md", "combinations.png", "combinations_mae.png"]


def test_a_single_model_gets_a_line_per_condition_and_its_metrics() -> None:
    lines = summary_text("mosi", hand_made()).splitlines()
    assert lines[0] == "mosi"
    assert lines[1].split()[:2] == ["Non0_F1_score,", "%"]
    assert {line.split()[0]: line.split().count("–") for line in lines[2:6]} == {"l": 0, "a": 0, "v": 7, "l,a,v": 0}
    assert len({len(line) for line in lines[1:]}) == 1


def test_several_models_get_a_column_each() -> None:
    lines = summary_text("iemocap", two_models(CLASSES)).splitlines()
    assert lines[0] == "iemocap: UA, %"
    assert lines[1].split() == ["good", "worse", "(constant", "answer)"]
    assert [line.split("  ")[0] for line in lines[2:5]] == ["natural", "l", "a"]


def test_a_dialogue_is_drawn_and_long_ones_go_on_below(tmp_path: Path) -> None:
    run = made_up(CLASSES, 0)
    long = dataclasses.replace(run, dialogues=("d",) * 80, turns=np.arange(80))
    heights = []
    for number, (each, dialogue) in enumerate(((run, "d3"), (long, "d"))):
        lines = {name: timeline(each, dialogue, KEYS[name]) for name in ("l,a,v", "v")}
        path = tmp_path / f"{number}.png"
        assert draw_dialogue(lines, "model, dialogue", path) == path
        assert_is_picture(path)
        heights.append(matplotlib.image.imread(path).shape[0])
    assert heights[1] > 2 * heights[0]


def test_a_dialogue_is_as_high_as_its_rows(tmp_path: Path) -> None:
    run, heights = made_up(CLASSES, 0), []
    for names in (("l",), ("l", "a", "v")):
        path = tmp_path / f"{len(names)}.png"
        draw_dialogue({name: timeline(run, "d3", KEYS[name]) for name in names}, "model, dialogue", path)
        heights.append(matplotlib.image.imread(path).shape[0])
    assert heights[1] - heights[0] == pytest.approx(2 * 2 * ROW * DPI, abs=3)  # two rows more for each speaker


def test_timelines_of_two_dialogues_are_refused(tmp_path: Path) -> None:
    run = made_up(SCORE, 0)
    lines = {dialogue: timeline(run, dialogue, KEYS["l"]) for dialogue in ("d1", "d2")}
    with pytest.raises(DataError, match="2 timelines of 2 dialogues; expected one dialogue"):
        draw_dialogue(lines, "", tmp_path / "no.png")


def clusters(count: int) -> tuple[FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    return labels[:, None] * 20.0 + rng.normal(0, 1, (count, 6)), labels


@pytest.mark.parametrize("count", [4, 40])
def test_representations_are_drawn_for_few_and_many(tmp_path: Path, count: int) -> None:
    values, labels = clusters(count)
    parts = {"{l}": values, "{v}": np.zeros_like(values)}
    for name in ("one", "two"):
        draw_embedding(parts, labels, ("sad", "happy"), tmp_path / f"{name}.png", ordered=count == 4)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "one.png").shape[1] > 400


def test_neighbours_name_clusters_rightly_and_noise_by_chance() -> None:
    values, labels = clusters(100)
    assert neighbour_accuracy(values, labels) == 1.0
    assert 0.3 < neighbour_accuracy(np.random.default_rng(1).normal(size=values.shape), labels) < 0.7


def test_too_few_labelled_representations_are_refused(tmp_path: Path) -> None:
    labels = np.array([0, 1, 1, -1])
    with pytest.raises(DataError, match="3 utterances with a label under 1 conditions"):
        draw_embedding({"{l}": np.ones((4, 2))}, labels, ("a", "b"), tmp_path / "no.png")


def test_pictures_have_to_be_png(tmp_path: Path) -> None:
    results = collect("mosi", two_models())
    with pytest.raises(OutputError, match="ends in .png"):
        draw_heat(results, "MAE", tmp_path / "a.svg")
    with pytest.raises(OutputError, match="ends in .png"):
        draw_curves(results, "MAE", tmp_path / "a.jpg")


def test_lines_differ_beyond_the_number_of_colours() -> None:
    looks = [(each["color"], each["marker"], str(each["linestyle"])) for each in map(look, range(3 * len(COLOURS)))]
    assert len(set(looks)) == len(looks)
