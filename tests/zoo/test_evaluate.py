"""Answers of a checkpoint: in the order of the part, under the masks of the file, the same in any batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from zoo_corpora import DIMS, tiny_run, write_corpus

from mmfeat import missing
from mmfeat.artifact import Artifact
from mmfeat.errors import SchemaError
from mmfeat.types import MODALITIES
from zoo import predictions
from zoo.answers import respond
from zoo.benchmark import write_answers
from zoo.checkpoint import load
from zoo.conditions import CONDITIONS
from zoo.data import fit_normalisation, group_items, open_corpus, view
from zoo.errors import CheckpointMismatch, DataError
from zoo.evaluate import conditions, evaluate, mask_file, open_test, represent
from zoo.metrics import constant_answer
from zoo.train import train
from zoo.types import Inputs

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("evaluate") / "small.h5", sizes={"train": 30, "valid": 8, "test": 40})


@pytest.fixture(scope="module")
def folders(path: Path) -> dict[str, Path]:
    return {
        model: train(tiny_run(path, path.parent / "ck", model, epochs="1"), log=False) for model in ("aumdf", "momke")
    }


@pytest.fixture(scope="module")
def answers(folders: dict[str, Path]) -> predictions.Predictions:
    return evaluate(folders["aumdf"])


def test_predictions_stand_in_the_order_of_the_part(path: Path, answers: predictions.Predictions) -> None:
    with Artifact(path) as file:
        utterances = list(file.utterances("test"))
    assert answers.ids == tuple(one.id for one in utterances)
    assert answers.dialogues == tuple(one.dialogue or "" for one in utterances)
    assert answers.speakers == tuple(one.speaker for one in utterances)
    assert answers.turns.tolist() == [one.turn for one in utterances]
    assert answers.known[:, 0].tolist() == ["sentiment" in one.labels for one in utterances]
    expected = [one.labels.get("sentiment", 0.0) for one in utterances]
    np.testing.assert_allclose(answers.targets[:, 0], expected, rtol=1e-6)
    assert set(answers.answers) == {
        one.key for one in CONDITIONS if one.group in ("natural", "combination", "frame_drop")
    }
    train_part = open_corpus(path).part("train")
    floor = constant_answer(answers.task, train_part.targets, train_part.known)
    np.testing.assert_array_equal(answers.constant, floor)


@pytest.mark.parametrize("model", ["aumdf", "momke"])
def test_each_utterance_gets_the_answer_that_it_gets_alone(folders: dict[str, Path], model: str) -> None:
    tested = open_test(folders[model])
    seen, _ = tested.seen(missing.key("frame_drop", {"rate": 0.5}))
    network = tested.checkpoint.network
    whole, features = respond(network, seen, CPU, 256)
    assert whole.shape == (40, 1)
    assert len(features) == 40
    for size in (1, 7):
        again, others = respond(network, seen, CPU, size)
        np.testing.assert_allclose(again, whole, atol=1e-5)
        np.testing.assert_allclose(others, features, atol=1e-5)
    for item in range(len(tested.items.lengths)):
        batch = seen.batch(np.array([item]))
        with torch.inference_mode():
            logits = network(batch).logits.flatten(0, -2)
        numbers = batch.numbers.flatten().numpy()
        np.testing.assert_allclose(logits.numpy()[numbers >= 0], whole[numbers[numbers >= 0]], atol=1e-5)


def test_masks_are_those_of_the_file_and_spared_utterances_are_marked(
    path: Path, folders: dict[str, Path], answers: predictions.Predictions
) -> None:
    tested = open_test(folders["aumdf"])
    corpus = open_corpus(path)
    rows = corpus.artefact.observed("test")
    spared_once = False
    for condition in conditions(("combination", "frame_drop")):
        parameters = {"kept": condition.kept} if condition.kept else {"rate": condition.rate}
        protocol = "modality_combination" if condition.kept else "frame_drop"
        drawn = missing.draw(protocol, rows, parameters, 0, "small")
        np.testing.assert_array_equal(answers.spared[condition.key], drawn.spared)
        spared_once |= bool(drawn.spared.any())
        expected, _ = respond(tested.checkpoint.network, view(tested.items, drawn.kept), CPU, 256)
        np.testing.assert_array_equal(answers.answers[condition.key], expected)
        if condition.kept == "audio":
            seen, _ = tested.seen(condition.key)
            alone = ~torch.from_numpy(np.repeat(drawn.spared, np.diff(rows.offsets["text"])))
            assert not seen.kept[alone][:, [0, 2]].any()
            assert torch.equal(seen.kept[alone][:, 1], tested.items.observed[alone][:, 1])
    assert spared_once
    natural, dropped = missing.key("natural"), missing.key("frame_drop", {"rate": 0.9})
    assert not np.allclose(answers.answers[natural], answers.answers[dropped])


def test_predictions_survive_a_file(answers: predictions.Predictions, tmp_path: Path) -> None:
    answers.write(tmp_path / "p.npz")
    again = predictions.read(tmp_path / "p.npz")
    assert (again.task, again.ids, again.dialogues, again.speakers) == (
        answers.task,
        answers.ids,
        answers.dialogues,
        answers.speakers,
    )
    for name in ("turns", "targets", "known", "constant"):
        np.testing.assert_array_equal(getattr(again, name), getattr(answers, name))
    assert list(again.answers) == list(answers.answers)
    for key, values in answers.answers.items():
        np.testing.assert_array_equal(again.answers[key], values)
        np.testing.assert_array_equal(again.spared[key], answers.spared[key])


def test_the_evaluation_normalises_and_cuts_as_the_training_did(tmp_path: Path, folders: dict[str, Path]) -> None:
    """Another test part far from the training: its own mean and deviation must not be used."""
    other = write_corpus(tmp_path / "o.h5", sizes={"train": 30, "valid": 8, "test": 40}, shift={"train": 9.0})
    tested = open_test(folders["aumdf"], dataset=other)
    refitted = fit_normalisation(open_corpus(other).part("train"))
    part = tested.corpus.part("test")
    used = group_items(part, "words", tested.checkpoint.normalisation)
    assert torch.equal(tested.items.full["text"], used.full["text"])
    assert not torch.equal(tested.items.full["text"], group_items(part, "words", refitted).full["text"])


def test_fewer_words_are_seen_where_training_saw_fewer(path: Path, tmp_path: Path) -> None:
    folder = train(tiny_run(path, tmp_path, epochs="1", more=["data.max_words=2"]), log=False)
    assert open_test(folder).items.lengths.max() == 2


def test_representations_are_those_before_the_head(folders: dict[str, Path]) -> None:
    key = missing.key("natural")
    tested = open_test(folders["aumdf"])
    found = represent(folders["aumdf"], [key])
    expected = respond(tested.checkpoint.network, tested.seen(key)[0], CPU, 256)[1]
    np.testing.assert_array_equal(found[key], expected)
    assert found[key].shape == (40, 3 * 8)


def test_the_mask_file_stands_where_the_pipeline_puts_it(path: Path, tmp_path: Path) -> None:
    assert mask_file(open_corpus(path)) == path.with_suffix(".masks.h5")
    for name in ("aligned", "masks"):
        (tmp_path / name).mkdir()
    place = write_corpus(tmp_path / "aligned" / "small.h5", sizes={"train": 8, "valid": 8})
    file = mask_file(open_corpus(place))
    assert file == tmp_path / "masks" / "small.h5"
    before = file.stat().st_mtime_ns
    assert mask_file(open_corpus(place)).stat().st_mtime_ns == before


def test_masks_of_another_corpus_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    other = write_corpus(tmp_path / "o.h5", sizes={"train": 30, "valid": 8, "test": 30})
    with pytest.raises(SchemaError, match="drawn for another corpus"):
        evaluate(folders["aumdf"], masks=mask_file(open_corpus(other)))


def test_another_part_and_another_corpus_are_refused_where_they_do_not_fit(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no dev"):
        evaluate(folders["aumdf"], part="dev")
    with pytest.raises(DataError, match="expected some of natural, "):
        evaluate(folders["aumdf"], groups=("none",))  # type: ignore[arg-type]  # as a typing error
    fewer = write_corpus(tmp_path / "o.h5", modalities=("text",))
    with pytest.raises(CheckpointMismatch, match="features differ"):
        evaluate(folders["aumdf"], dataset=fewer)
    assert len(evaluate(folders["aumdf"], part="valid", groups=("natural",)).ids) == 8


def test_answers_are_cached_until_weights_masks_or_data_change(path: Path, tmp_path: Path) -> None:
    mine = tmp_path / "small.h5"
    mine.write_bytes(path.read_bytes())
    run = tiny_run(mine, tmp_path, "momke", epochs="1")
    folder = train(run, log=False)
    first = write_answers(folder)
    os.utime(first, (1, 1))
    assert write_answers(folder) == first
    assert first.stat().st_mtime == 1
    assert write_answers(folder, groups=("natural",)) != first
    assert write_answers(folder, "valid") != first

    custom = tmp_path / "custom.h5"
    rows = {split: open_corpus(mine).artefact.observed(split) for split in ("test",)}
    jobs = [job for job in missing.jobs(missing.DEFAULT, ("test",)) if job.protocol != "burst"]
    drawn = [("test", missing.draw(j.protocol, rows["test"], j.parameters, j.seed, "else")) for j in jobs]
    missing.write(custom, "small", rows, drawn)
    with_masks = write_answers(folder, masks=custom)
    assert with_masks != first
    key = missing.key("frame_drop", {"rate": 0.5})
    one, two = predictions.read(first), predictions.read(with_masks)
    assert not np.array_equal(one.answers[key], two.answers[key])
    natural = missing.key("natural")
    np.testing.assert_array_equal(one.answers[natural], two.answers[natural])

    write_corpus(mine, sizes={"train": 30, "valid": 8, "test": 40}, shift={"test": 1.0})
    mine.with_suffix(".masks.h5").unlink()
    changed = write_answers(folder)
    assert changed not in (first, with_masks)
    assert not np.array_equal(predictions.read(changed).targets, one.targets)

    path_of_other_weights = train(tiny_run(mine, tmp_path, "momke", epochs="2", name="b"), log=False)
    assert write_answers(path_of_other_weights).name != changed.name


def test_a_checkpoint_of_text_alone_answers_under_every_mask(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "text.h5", sizes={"train": 20, "valid": 8, "test": 9}, modalities=("text",))
    folder = train(tiny_run(path, tmp_path, epochs="1"), log=False)
    found = evaluate(folder)
    key = missing.key("modality_combination", {"kept": "audio"})
    # What has no words at all cannot be spared anything.
    assert found.spared[key].tolist() == (np.diff(open_corpus(path).part("test").rows.offsets["text"]) > 0).tolist()
    assert all(np.isfinite(values).all() for values in found.answers.values())


def test_a_network_is_asked_without_gradients(folders: dict[str, Path]) -> None:
    seen: list[bool] = []
    tested = open_test(folders["aumdf"])
    hook: Callable[..., None] = lambda *_: seen.append(torch.is_inference_mode_enabled())  # noqa: E731
    tested.checkpoint.network.register_forward_hook(hook)
    respond(tested.checkpoint.network, view(tested.items, None), CPU, 16)
    assert seen == [True] * 3


def test_a_network_is_built_again_over_the_modalities_in_their_order(folders: dict[str, Path]) -> None:
    """JSON sorts them by name; a model that joins them as they come would mix them up."""
    assert load(folders["aumdf"]).card.inputs == Inputs(dict(DIMS), 1)
    assert MODALITIES == tuple(load(folders["aumdf"]).card.inputs.dims)
