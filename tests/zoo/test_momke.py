"""MoMKE against a slow reading of its description, and what is its own beside the contract of every model."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf
from torch import nn
from zoo_batches import CLASSES, DIMS, SCORE, dialogue_batch

from mmfeat.errors import ConfigError
from zoo.models.momke import STAGES, Attention, Config, MoMKE, build, objective
from zoo.types import MODALITIES, Batch, Inputs, Missing, Modality

Array = NDArray[np.float64]
SMALL = Config(width=8, layers=2, heads=2)
PAPER = replace(SMALL, position_code=True, layer_norms=True)
LENGTHS = (6, 4, 3, 1)


def network(config: Config = SMALL, outputs: int = 4) -> MoMKE:
    torch.manual_seed(0)
    return build(config, Inputs(DIMS, outputs)).eval()


class Slow:
    """The description, one dialogue without padding at a time, one query at a time, in float64."""

    def __init__(self, model: MoMKE) -> None:
        self.config = model.config
        self.weights = {name: values.numpy().astype(float) for name, values in model.state_dict().items()}

    def linear(self, name: str, x: Array) -> Array:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name: str, x: Array) -> Array:
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attention(self, name: str, x: Array, keys: list[int]) -> Array:
        width = self.config.width // self.config.heads
        query, key, value = np.split(self.linear(f"{name}.queries_keys_values", x), 3, axis=1)
        answer = np.zeros_like(x)
        for head, i in itertools.product(range(self.config.heads), range(len(x) if keys else 0)):
            part = slice(head * width, (head + 1) * width)
            scores = np.array([np.exp(query[i, part] @ key[j, part] / np.sqrt(width)) for j in keys])
            answer[i, part] = sum(score / scores.sum() * value[j, part] for score, j in zip(scores, keys, strict=True))
        return answer

    def perceptron(self, name: str, x: Array, places: tuple[int, int]) -> Array:
        hidden = self.linear(f"{name}.{places[0]}", x)
        return self.linear(f"{name}.{places[1]}", hidden * (1 + erf(hidden / np.sqrt(2))) / 2)

    def expert(self, expert: str, x: Array, keys: list[int]) -> Array:
        if self.config.position_code:
            half = self.config.width // 2
            angle = np.outer(np.arange(len(x)), 10000.0 ** (-np.arange(half) / half))
            x = x + np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(len(x), -1)
        for layer in range(self.config.layers):
            name = f"experts.{expert}.blocks.{layer}"
            if self.config.layer_norms:
                x = x + self.attention(f"{name}.attention", self.norm(f"{name}.norms.0", x), keys)
                x = x + self.perceptron(f"{name}.perceptron", self.norm(f"{name}.norms.1", x), (0, 3))
            else:
                attended = self.attention(f"{name}.attention", x, keys)
                x = x + (attended + self.perceptron(f"{name}.perceptron", attended, (0, 3)))
        return x

    def seen(self, batch: Batch, item: int) -> dict[Modality, tuple[Array, list[int]]]:
        """By modality the projected features of one dialogue and the places that may be looked at."""
        length = int(batch.mask[item].sum())
        kept = {m: batch.kept[item, :length, column].numpy() for column, m in enumerate(MODALITIES)}
        return {
            m: (
                self.linear(f"projections.{m}", batch.features[m][item, :length].numpy() * kept[m][:, None]),
                np.flatnonzero(kept[m]).tolist(),
            )
            for m in MODALITIES
        }

    def unimodal(self, batch: Batch, item: int) -> dict[Modality, Array]:
        return {m: self.linear(f"heads.{m}", self.expert(m, *seen)) for m, seen in self.seen(batch, item).items()}

    def mixture(self, batch: Batch, item: int) -> Array:
        joint = []
        for m, (projected, keys) in self.seen(batch, item).items():
            scores = np.exp(self.perceptron(f"routers.{m}", projected, (0, 3)))
            shares = scores / scores.sum(1, keepdims=True)
            mixed = sum(shares[:, [e]] * self.expert(other, projected, keys) for e, other in enumerate(MODALITIES))
            joint.append([row if place in keys else 0 * row for place, row in enumerate(mixed)])
        together = np.concatenate(joint, axis=1)
        return self.linear("head", together + np.maximum(self.linear("joint", together), 0))


def conditions() -> list[Batch]:
    """Ragged dialogues under each of the seven conditions, and under a mask of their own for each utterance."""
    whole = [
        dialogue_batch(np.random.default_rng(0), LENGTHS, kept=entry.split("+")) for entry in Missing().combinations
    ]
    return [*whole, dialogue_batch(np.random.default_rng(0), LENGTHS, kept="random")]


@pytest.mark.parametrize(("outputs", "count"), [(1, 5_395_469), (4, 5_400_089), (6, 5_403_169)])
def test_it_has_as_many_weights_as_the_released_network(outputs: int, count: int) -> None:
    model = build(Config(), Inputs({"text": 1024, "audio": 512, "vision": 1024}, outputs))
    assert sum(weights.numel() for weights in model.parameters()) == count


@pytest.mark.parametrize("config", [SMALL, PAPER], ids=["released", "paper"])
def test_the_mixture_is_what_the_description_says_under_all_conditions(config: Config) -> None:
    model = network(config)
    for batch in conditions():
        logits = model(batch).logits.detach().numpy()
        for item, length in enumerate(LENGTHS):
            np.testing.assert_allclose(logits[item, :length], Slow(model).mixture(batch, item), atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", [SMALL, PAPER], ids=["released", "paper"])
def test_the_experts_alone_are_what_the_description_says_under_all_conditions(config: Config) -> None:
    model = network(config)
    for batch in conditions():
        answers = model.unimodal(batch)
        for (item, length), name in itertools.product(enumerate(LENGTHS), MODALITIES):
            given = answers[name][item, :length].detach().numpy()
            np.testing.assert_allclose(given, Slow(model).unimodal(batch, item)[name], atol=1e-5, rtol=0)


def test_attention_without_any_usable_key_is_zero_and_so_is_its_gradient() -> None:
    torch.manual_seed(0)
    attention, values = Attention(8, 2), torch.randn(2, 3, 8, requires_grad=True)
    answer = attention(values, torch.tensor([[True, True, False], [False, False, False]]))
    answer.sum().backward()
    assert answer[0].abs().min() > 0
    assert (answer[1] == 0).all()
    assert values.grad is not None
    assert values.grad[0].abs().sum() > 0
    assert (values.grad[1] == 0).all()


def test_gradients_are_finite_where_a_dialogue_lacks_a_modality_everywhere() -> None:
    def text_only_first(observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.where(np.arange(len(observed))[:, None, None] == 0, [True, False, False], True)

    batch = dialogue_batch(np.random.default_rng(0), LENGTHS, kept=text_only_first)
    model = network().train()
    objective("mixture", model, SMALL, CLASSES, None)(batch)["loss"].backward()
    for name, weights in model.named_parameters():
        assert weights.grad is None or weights.grad.isfinite().all(), name


@pytest.mark.parametrize(
    ("stage", "trained"),
    [
        ("experts", {"projections", "experts", "heads"}),
        ("mixture", {"projections", "experts", "routers", "joint", "head"}),
    ],
)
def test_each_stage_trains_its_own_modules_and_leaves_the_others_alone(stage: str, trained: set[str]) -> None:
    model = network().train()
    batch = dialogue_batch(np.random.default_rng(0), (6,) * 8)
    objective(stage, model, SMALL, CLASSES, None)(batch)["loss"].backward()
    for name, weights in model.named_parameters():
        reached = weights.grad is not None and bool((weights.grad != 0).any())
        assert reached == (name.split(".")[0] in trained), name


def test_stage_one_is_complete_and_goes_on_from_its_last_epoch() -> None:
    experts, mixture = STAGES
    assert (experts.complete, experts.choose, experts.continues) == (True, "last", False)
    assert (mixture.complete, mixture.choose, mixture.continues) == (False, "best", True)


@torch.no_grad()
def test_the_loss_of_the_experts_is_the_sum_of_their_cross_entropies() -> None:
    model, batch = network(), dialogue_batch(np.random.default_rng(0), LENGTHS)
    parts = objective("experts", model, SMALL, CLASSES, None)(batch)
    labels = batch.targets[batch.mask][:, 0].long()
    expected = {
        name: float(-logits[batch.mask].log_softmax(1)[torch.arange(len(labels)), labels].mean())
        for name, logits in model.unimodal(batch).items()
    }
    for name in MODALITIES:
        assert float(parts[name]) == pytest.approx(expected[name], abs=1e-6)
    assert float(parts["loss"]) == pytest.approx(sum(expected.values()), abs=1e-6)


@torch.no_grad()
def test_an_expert_learns_only_from_utterances_that_have_its_modality() -> None:
    batch = dialogue_batch(np.random.default_rng(0), LENGTHS, task=SCORE, kept="random")
    model = network(outputs=1)
    parts = objective("experts", model, SMALL, SCORE, None)(batch)
    for column, name in enumerate(MODALITIES):
        there = batch.kept[..., column]
        error = model.unimodal(batch)[name][there] - batch.targets[there]
        assert float(parts[name]) == pytest.approx(float(error.square().mean()), abs=1e-6)


@torch.no_grad()
def test_the_mixture_squares_the_error_of_a_score() -> None:
    batch = dialogue_batch(np.random.default_rng(0), LENGTHS, task=SCORE, kept="random")
    model = network(outputs=1)
    loss = objective("mixture", model, SMALL, SCORE, None)(batch)["loss"]
    error = (model(batch).logits - batch.targets)[batch.mask]
    assert float(loss) == pytest.approx(float(error.square().mean()), abs=1e-6)


def test_router_weights_sum_to_one_where_the_modality_is_kept_and_are_zero_elsewhere() -> None:
    batch = dialogue_batch(np.random.default_rng(0), LENGTHS, kept="random")
    parts = network()(batch).parts
    torch.testing.assert_close(parts["router"].sum(-1), batch.kept.float())
    assert parts["router"].shape == (*batch.kept.shape, 3)
    assert (parts["mixed"][~batch.kept] == 0).all()


@pytest.mark.parametrize("published", [True, False])
def test_only_the_published_router_loses_whole_choices_to_dropout(published: bool) -> None:
    model = network(replace(SMALL, router_dropout=published)).train()
    weights = model(dialogue_batch(np.random.default_rng(0), (50,))).parts["router"]
    blind = (weights - 1 / 3).abs().amax(-1) < 1e-7  # all three logits dropped, one time in eight
    assert bool(blind.any()) == published


@pytest.mark.parametrize("position_code", [True, False])
def test_the_order_of_utterances_counts_only_with_a_position_code(position_code: bool) -> None:
    model = network(replace(SMALL, position_code=position_code))
    batch = dialogue_batch(np.random.default_rng(0), (5,))
    turned = replace(batch, features={name: values.flip(1) for name, values in batch.features.items()})
    apart = (model(batch).logits - model(turned).logits.flip(1)).abs().max()
    assert bool(apart > 1e-3) == position_code


def test_an_odd_width_takes_a_position_code() -> None:
    batch = dialogue_batch(np.random.default_rng(0), (5,))
    assert network(Config(width=9, layers=1, heads=3, position_code=True))(batch).logits.isfinite().all()


def test_audio_alone_passes_through_the_expert_of_text() -> None:
    model, batch = network(), dialogue_batch(np.random.default_rng(0), LENGTHS, kept=["audio"])
    before = model(batch).logits
    nn.init.zeros_(model.get_parameter("experts.text.blocks.0.attention.queries_keys_values.weight"))
    assert (model(batch).logits - before).abs().max() > 1e-3


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ConfigError, match="width 10 with 3 heads; expected a multiple of the heads"):
        Config(width=10, heads=3)
