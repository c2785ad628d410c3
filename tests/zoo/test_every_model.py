"""The contract of every model in the folder.

Each runs as it comes: default settings, only the features are narrow. Answers agree to 1e-5 absolute in float32; the
same sums over rows of another length or order differ by about 1e-6.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor
from zoo_batches import BINARY, CLASSES, SCORE, rows, trimmed, with_garbage
from zoo_stages import LENGTHS, build, file_of, make_batch, network, padded, steps, varied

from mmfeat import registry
from zoo.types import MODALITIES, Batch, Level, Missing, Modality, Stage, Task, Training

NAMES = registry.names("zoo.models")
FEWER: tuple[tuple[Modality, ...], ...] = (("text", "audio"), ("audio", "vision"), ("text",))

every_model = pytest.mark.parametrize("name", NAMES)
every_task = pytest.mark.parametrize("task", [SCORE, CLASSES, BINARY], ids=lambda task: task.kind)


def same(left: Tensor, right: Tensor) -> None:
    torch.testing.assert_close(left, right, atol=1e-5, rtol=0)


def same_answers(name: str, left: Batch, right: Batch, order: tuple[int, ...] | None = None) -> None:
    """Equal at every position that is real in both; ``order`` says which items of ``left`` the ``right`` has."""
    model = network(name)
    with torch.no_grad():
        first, second = model(left), model(right)
    for one, other in ((first.logits, second.logits), (first.features, second.features)):
        one = one if order is None else one[list(order)]
        if file_of(name).LEVEL == "dialogue":
            mask, length = right.mask, right.mask.shape[1]
            one, other = one[:, :length][mask[:, : one.shape[1]]], other[mask]
        same(one, other)


def all_missing(batch: Batch, *, observed: bool) -> Batch:
    """Nothing kept; with ``observed`` a teacher still sees everything."""
    gone = {name: torch.zeros_like(values) for name, values in batch.features.items()}
    batch = replace(batch, features=gone, kept=torch.zeros_like(batch.kept))
    return batch if observed else replace(batch, full=gone, observed=torch.zeros_like(batch.observed))


@every_model
def test_the_file_exposes_what_the_loop_asks_of_it(name: str) -> None:
    file = file_of(name)
    assert file.LEVEL in typing.get_args(Level)
    assert isinstance(file.TRAINING, Training)
    assert isinstance(file.MISSING, Missing)
    assert len(file.TRAINING.epochs) in (1, len(file.STAGES))
    assert all(isinstance(stage, Stage) for stage in file.STAGES)
    assert len({stage.name for stage in file.STAGES}) == len(file.STAGES) > 0
    assert not file.STAGES[0].continues
    assert tuple(inspect.signature(file.build).parameters) == ("config", "inputs")
    assert tuple(inspect.signature(file.objective).parameters) == ("stage", "model", "config", "task", "teacher")
    assert file.__doc__


@every_model
def test_its_settings_are_frozen_and_each_can_be_given_as_text(name: str) -> None:
    default = file_of(name).Config()
    first, *_ = dataclasses.fields(default)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(default, first.name, None)
    given = {
        key: ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for key, value in dataclasses.asdict(default).items()
    }
    assert registry.configure(type(default), given, owner=name) == default


@every_model
def test_every_weight_learns_and_every_weight_of_the_answer_learns_to_the_end(name: str) -> None:
    """No model lists exceptions of its own here: autograd says which weights an answer depends on.

    A stage may leave a part of the network alone, say a head that is made for another stage. But over the stages that
    share a network every weight learns, and in the last of them every weight that the answer depends on does.
    """
    batch = make_batch(name, varied)
    trainable: set[str] = set()
    learnt: set[str] = set()
    for step in steps(name):
        learning = reached(step.gradients(batch))
        trainable = {*step.trainable(), *(trainable if step.stage.continues else ())}
        learnt = {*learning, *(learnt if step.stage.continues else ())}
        if step.ends:
            assert trainable - learnt == set()
            assert reached(step.gradients_of_the_answer(batch)) - learning == set()


def reached(gradients: dict[str, Tensor]) -> set[str]:
    return {name for name, gradient in gradients.items() if gradient.ne(0).any()}


@every_model
def test_the_answer_has_its_shape(name: str) -> None:
    batch = make_batch(name)
    output = network(name)(batch)
    leading = batch.mask.shape[: 2 if file_of(name).LEVEL == "dialogue" else 1]
    assert output.logits.shape == (*leading, CLASSES.outputs)
    assert output.features.shape[:-1] == leading
    assert output.logits.dtype == output.features.dtype == torch.float32


@every_model
def test_padding_does_not_change_answers(name: str) -> None:
    batch = make_batch(name)
    same_answers(name, batch, padded(batch, 4))


@every_model
def test_an_item_answers_alone_as_among_others_and_in_any_order(name: str) -> None:
    batch, count = make_batch(name), len(LENGTHS)
    turned = tuple(reversed(range(count)))
    same_answers(name, batch, rows(batch, *turned), turned)
    for item in range(count):
        same_answers(name, batch, rows(batch, item), (item,))
        same_answers(name, batch, trimmed(rows(batch, item)), (item,))


@every_model
def test_nothing_but_what_is_kept_changes_an_answer(name: str) -> None:
    batch = make_batch(name)
    spoilt = with_garbage(batch, 1e3)
    blind = replace(
        spoilt,
        full={entry: torch.full_like(values, 1e3) for entry, values in batch.full.items()},
        targets=1 - batch.targets,
        known=torch.zeros_like(batch.known),
        numbers=batch.numbers.flip(0),
    )
    same_answers(name, batch, blind)


@every_model
def test_an_answer_does_depend_on_each_modality_that_is_kept(name: str) -> None:
    batch = make_batch(name, "all")
    for entry in MODALITIES:
        changed = replace(batch, features={**batch.features, entry: batch.features[entry].square()})
        assert (network(name)(batch).logits - network(name)(changed).logits).abs().max() > 1e-5


@every_model
def test_losses_ignore_what_is_neither_kept_nor_observed(name: str) -> None:
    batch = make_batch(name, varied)
    batch = replace(batch, observed=batch.kept, kept=batch.kept & make_batch(name).kept)
    batch = with_garbage(batch, 0.0)
    for step in steps(name):
        step.objective.eval()
        same(step.losses(batch)["loss"], step.losses(with_garbage(batch, 1e3))["loss"])


@every_model
@pytest.mark.parametrize("observed", [True, False], ids=["dropped", "never there"])
def test_items_without_any_input_give_finite_answers_and_gradients(name: str, observed: bool) -> None:
    batch = all_missing(make_batch(name), observed=observed)
    assert network(name)(batch).logits.isfinite().all()
    for step in steps(name):
        assert all(gradient.isfinite().all() for gradient in step.gradients(batch).values())


@every_model
def test_an_item_without_any_input_does_no_harm_to_the_others_gradients(name: str) -> None:
    batch = make_batch(name, lambda observed: observed & (np.arange(len(observed)) > 0)[:, None, None])
    for step in steps(name):
        assert all(gradient.isfinite().all() for gradient in step.gradients(batch).values())


@every_model
def test_items_of_one_position_work(name: str) -> None:
    batch = make_batch(name, "all", lengths=(1, 1))
    assert network(name)(batch).logits.isfinite().all()
    for step in steps(name):
        assert all(gradient.isfinite().all() for gradient in step.gradients(batch).values())


@every_model
@pytest.mark.parametrize("combination", Missing().combinations)
def test_each_combination_of_modalities_gives_finite_answers(name: str, combination: str) -> None:
    output = network(name)(make_batch(name, combination.split("+")))
    assert output.logits.isfinite().all()
    assert output.features.isfinite().all()


@every_model
@pytest.mark.parametrize("modalities", FEWER, ids="+".join)
def test_a_corpus_with_fewer_modalities_is_enough(name: str, modalities: tuple[Modality, ...]) -> None:
    batch = make_batch(name, modalities=modalities)
    for step in steps(name, modalities=modalities):
        gradients = step.gradients(batch)
        assert gradients
        assert all(gradient.isfinite().all() for gradient in gradients.values())
    absent = [entry for entry in MODALITIES if entry not in modalities]
    assert not [key for key in step.model.state_dict() if set(key.split(".")) & set(absent)]


@every_model
def test_the_seed_decides_the_weights(name: str) -> None:
    first, again, other = (build(name, CLASSES, MODALITIES, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@every_model
def test_weights_survive_a_file(name: str) -> None:
    written = load(save(network(name).state_dict()))  # refuses tensors that share memory
    fresh = build(name, CLASSES, MODALITIES, seed=1)
    fresh.load_state_dict(written, strict=True)
    batch = make_batch(name)
    assert torch.equal(fresh.eval()(batch).logits, network(name)(batch).logits)


@every_model
def test_asking_is_deterministic_and_changes_nothing(name: str) -> None:
    model, batch = network(name), make_batch(name)
    weights, given = deepcopy(model.state_dict()), deepcopy(batch)
    assert torch.equal(model(batch).logits, model(batch).logits)
    assert all(torch.equal(values, weights[key]) for key, values in model.state_dict().items())
    assert all(torch.equal(values, given.features[entry]) for entry, values in batch.features.items())


@every_model
@every_task
def test_each_kind_of_task_gives_finite_scalar_losses(name: str, task: Task) -> None:
    batch = make_batch(name, task=task)
    for step in steps(name, task):
        losses = step.losses(batch)
        assert losses["loss"].requires_grad
        assert {part: values.shape for part, values in losses.items() if values.shape} == {}
        assert all(values.isfinite() for values in losses.values())


@every_model
@every_task
def test_a_label_that_is_not_known_does_not_change_the_loss(name: str, task: Task) -> None:
    batch = make_batch(name, task=task)
    known = batch.known & (torch.rand(batch.known.shape, generator=torch.Generator().manual_seed(0)) < 0.5)
    one, other = (replace(batch, known=known, targets=torch.where(known, batch.targets, value)) for value in (0.0, 1.0))
    for step in steps(name, task):
        assert torch.equal(step.losses(one)["loss"], step.losses(other)["loss"])


@every_model
@every_task
def test_a_batch_without_any_known_label_gives_a_finite_loss(name: str, task: Task) -> None:
    batch = make_batch(name, task=task)
    batch = replace(batch, known=torch.zeros_like(batch.known), targets=torch.zeros_like(batch.targets))
    for step in steps(name, task):
        assert all(gradient.isfinite().all() for gradient in step.gradients(batch).values())


@every_model
def test_a_teacher_is_asked_as_it_will_be_used_and_learns_nothing(name: str) -> None:
    batch = make_batch(name)
    for step in steps(name):
        if step.teacher is not None:
            step.gradients(batch)
            assert not any(part.training for part in step.teacher.modules())
            assert all(weights.grad is None for weights in step.teacher.parameters())
