"""AUMDF against what its paper and our readings of it say, in numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from zoo_batches import BINARY, CLASSES, DIMS, SCORE, rows, trimmed, with_garbage, word_batch

import zoo
from mmfeat.errors import ConfigError
from mmfeat.registry import configure
from zoo.models import aumdf
from zoo.models.aumdf.distillation import (
    ContrastiveDistillation,
    SimilarityDistillation,
    classes,
    contrast,
    regulariser,
)
from zoo.models.aumdf.enhancement import NoiseFilter, normalised_over_time
from zoo.models.aumdf.transformer import Attention, TimeAlignment
from zoo.models.aumdf.weighting import Weighting, shares
from zoo.types import Batch, Inputs, Missing, Output, Task, Training

SMALL = aumdf.Config(hidden=8, width=8, heads=2)
NONE = torch.zeros(0)
ALTERNATIVES: tuple[dict[str, Any], ...] = (
    {"normalisation": "time"},
    {"normalisation": "none"},
    {"gate": "fixed"},
    {"fusion": "product"},
    {"noise_filter": False},
    {"dwam": False},
    {"layers": 0},
    {"layers": 2},
    {"time_alignment": "bias"},
    {"time_alignment": "off"},
    {"window": "printed"},
    {"similarity": "pairwise"},
    {"similarity": "both"},
    {"values": "third"},
    {"values": "self"},
    {"mask_missing": False},
    {"score_loss": "mse"},
    {"csd_level": "mmt"},
    {"csd_projection": "identity"},
    {"csd_normalised": False, "csd_scale": 1.0},
    {"srd_projection": "tied"},
    {"srd_projection": "printed"},
    {"lambda_csd": 0.0, "lambda_srd": 0.0},
)


def network(config: aumdf.Config = SMALL, dims: Any = DIMS, outputs: int = 1, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return aumdf.build(config, Inputs(dims, outputs))


def student(config: aumdf.Config = SMALL, task: Task = SCORE) -> nn.Module:
    models = network(config, outputs=task.outputs), network(config, outputs=task.outputs, seed=1)
    return aumdf.objective("student", models[0], config, task, models[1])


def answer(model: nn.Module, batch: Batch) -> Output:
    with torch.no_grad():
        return model.eval()(batch)


def assert_same(one: Output, other: Output, length: int | None = None) -> None:
    torch.testing.assert_close(one.logits, other.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(one.features, other.features, atol=1e-5, rtol=0)
    for name in ("levels", "present"):
        torch.testing.assert_close(one.parts[name], other.parts[name], atol=1e-5, rtol=0)
    weights = one.parts["weights"][:, :length], other.parts["weights"][:, :length]
    torch.testing.assert_close(*weights, atol=1e-5, rtol=0)


def batch_of(task: Task = SCORE, kept: Any = "random", lengths: tuple[int, ...] = (5, 3, 1, 4)) -> Batch:
    return word_batch(np.random.default_rng(0), lengths, task=task, kept=kept)


# The network's contract


@pytest.mark.parametrize("changes", [{}, *ALTERNATIVES], ids=str)
def test_an_answer_depends_on_real_kept_words_of_its_own_item_only(changes: dict[str, Any]):
    model, batch = network(replace(SMALL, **changes)), batch_of()
    expected = answer(model, batch)
    assert_same(answer(model, with_garbage(batch)), expected)
    alone = trimmed(rows(batch, 1))
    own = answer(model, rows(batch, 1))
    assert_same(answer(model, alone), replace(own, parts=own.parts | {"weights": own.parts["weights"][:, :3]}))
    torch.testing.assert_close(own.logits[0], expected.logits[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("changes", [{}, *ALTERNATIVES], ids=str)
def test_every_reading_trains_with_finite_gradients_on_any_length_and_mask(changes: dict[str, Any]):
    objective = student(replace(SMALL, **changes))
    batch = batch_of(kept=lambda observed: np.arange(len(observed))[:, None, None] % 2 * observed > 0)
    assert not batch.kept[0].any()
    objective(batch)["loss"].backward()
    assert all(parameter.grad.isfinite().all() for parameter in objective.parameters() if parameter.grad is not None)
    assert answer(objective.model, batch).logits.isfinite().all()


@pytest.mark.parametrize("changes", [{}, {"normalisation": "time"}], ids=str)
def test_one_word_alone_trains_with_finite_gradients(changes: dict[str, Any]):
    objective = student(replace(SMALL, **changes))
    objective(batch_of(lengths=(1, 1, 1), kept="all"))["loss"].backward()
    assert all(parameter.grad.isfinite().all() for parameter in objective.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("csd_level", ["rpm", "mmt"])
def test_a_modality_that_the_corpus_lacks_is_treated_as_a_dropped_one(csd_level: str):
    model = network(replace(SMALL, csd_level=csd_level))
    batch = batch_of(kept=("text",))
    lacking = network(replace(SMALL, csd_level=csd_level), dims={"text": DIMS["text"]})
    missing, _ = lacking.load_state_dict(model.state_dict(), strict=False)
    assert not missing
    without = replace(batch, features={"text": batch.features["text"]}, full={"text": batch.full["text"]})
    expected = answer(model, batch)
    assert_same(answer(lacking, without), expected)
    assert expected.features[0, :8].abs().sum() > 1  # the residual path alone still speaks


def test_an_absent_modality_and_padding_are_zero_behind_the_weighting_whatever_was_learned():
    model, seen = network(), []
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    for part in (model.weight, model.transform[0]):
        part.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    batch = batch_of(kept=("text", "vision"))
    answer(model, batch)
    for values in seen:
        assert (values[1] == 0).all()
        assert (values[:, ~batch.mask] == 0).all()
        assert (values[0][batch.mask] != 0).any(-1).all()


def test_text_alone_tells_utterances_apart():
    features = answer(network(), batch_of(kept=("text",))).features
    assert (features[0] - features[1]).abs().max() > 0.1


def test_the_parts_have_their_shapes_and_zeros_where_nothing_is_kept():
    batch = batch_of()
    output = answer(network(), batch)
    weights = output.parts["weights"]
    assert (output.features.shape, output.parts["levels"].shape) == ((4, 24), (4, 3, 8))
    assert (weights[~batch.kept] == 0).all()
    torch.testing.assert_close(weights.sum(-1), batch.kept.any(-1).float())
    assert (output.parts["present"] == batch.kept.any(1)).all()
    assert (output.parts["levels"][~output.parts["present"]] == 0).all()


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of torch's own code
@pytest.mark.parametrize("changes", [{}, {"time_alignment": "bias", "values": "third"}], ids=str)
def test_a_trace_holds_for_other_batch_sizes_and_lengths(changes: dict[str, Any]):
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = network(replace(SMALL, **changes)).eval()

        def forward(self, text: Tensor, audio: Tensor, vision: Tensor, mask: Tensor, kept: Tensor) -> Tensor:
            features = {"text": text, "audio": audio, "vision": vision}
            return self.model(Batch(features, {}, mask, kept, kept, NONE, NONE, NONE)).logits

    def given(batch: Batch) -> tuple[Tensor, ...]:
        return (*batch.features.values(), batch.mask, batch.kept)

    bare, longer = Bare(), batch_of(lengths=(9, 2))
    traced = torch.jit.trace(bare, given(batch_of()))
    torch.testing.assert_close(traced(*given(longer)), bare(*given(longer)), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ({"hidden": 7}, "hidden 7"),
        ({"width": 10, "heads": 4}, "width 10"),
        ({"kernel": 2}, "kernel 2"),
        ({"penalties": (1.0,)}, "penalties"),
    ],
)
def test_sizes_that_cannot_be_built_are_refused(setting: dict[str, Any], match: str):
    with pytest.raises(ConfigError, match=match):
        aumdf.Config(**setting)


def test_the_papers_settings_are_valid():
    path = Path(zoo.__file__).parent / "configs" / "aumdf-paper.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert configure(aumdf.Config, settings["model"], owner="aumdf").hidden == 300
    assert configure(Training, settings["train"], owner="train").patience == 20
    assert configure(Missing, settings["missing"], owner="missing").kind == "frame_only"


# Feature enhancement


def test_normalisation_over_time_gives_each_channel_mean_zero_and_variance_one_over_real_words():
    values, mask = torch.randn(2, 6, 3), torch.arange(6) < torch.tensor([[6], [4]])
    real = normalised_over_time(values, mask)[1, :4]
    torch.testing.assert_close(real.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(real.var(0, correction=0), torch.ones(3), atol=1e-3, rtol=0)


@pytest.mark.parametrize("gate", ["straight_through", "fixed"])
def test_the_noise_filter_takes_the_compensation_under_the_threshold(gate: Any):
    torch.manual_seed(0)
    part = NoiseFilter(4, replace(SMALL, gate=gate))
    threshold = 0.0 if part.threshold is None else 0.1
    if part.threshold is not None:
        nn.init.constant_(part.threshold, threshold)
    values, mask = torch.randn(1, 5, 4), torch.ones(1, 5, dtype=torch.bool)
    encoded = part.encode(values, mask)
    statistics = torch.cat((encoded.mean(1), encoded.std(1, correction=0)), dim=-1)
    delta, active = part.compensate(statistics), part.activate(encoded)
    filtered = part(values, mask)
    for place in np.ndindex(5, 8):
        over = encoded[0][place] >= threshold
        expected = active[0][place] if over else delta[0, place[1]]
        assert filtered[0][place].item() == pytest.approx(expected.item(), abs=1e-4)


# Dynamic weighting


def test_the_gates_follow_the_printed_equations():
    torch.manual_seed(0)
    part, z = Weighting(4), torch.randn(3, 1, 1, 4)
    nn.init.normal_(part.own.bias)
    nn.init.normal_(part.shift)
    partners = {0: (1, 2), 1: (0, 2), 2: (0, 1)}
    for m, (n, o) in partners.items():
        w_mn = torch.cat((part.own.weight[m][:, :2], part.first.weight[m]))  # of [Z_m; Z_n]
        w_mo = torch.cat((part.own.weight[m][:, 2:], part.second.weight[m]))
        bias = part.own.bias[m, 0]
        g_mn = torch.relu(torch.cat((z[m, 0, 0], z[n, 0, 0])) @ w_mn + bias[:2])
        g_mo = torch.relu(torch.cat((z[m, 0, 0], z[o, 0, 0])) @ w_mo + bias[2:])
        expected = torch.cat((g_mn, g_mo)) * (z[m, 0, 0] @ part.value.weight[m]) + part.shift[m, 0, 0]
        torch.testing.assert_close(part(z)[m, 0, 0], expected)


def test_shares_are_lengths_over_what_is_kept():
    values = torch.tensor([3.0, 1.0, 5.0]).view(3, 1, 1, 1).expand(3, 1, 2, 4)
    kept = torch.tensor([[True, False], [True, False], [False, False]]).view(3, 1, 2)
    torch.testing.assert_close(shares(values, kept)[0], torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]]))


# Time alignment and attention


@pytest.mark.parametrize("window", ["both", "printed"])
def test_time_alignment_averages_over_the_real_words_of_its_window(window: Any):
    torch.manual_seed(0)
    part = TimeAlignment(replace(SMALL, reach=2, window=window))
    nn.init.normal_(part.weight)
    mask = torch.arange(6) < torch.tensor([[6], [4]])
    matrix = part(torch.eye(6).expand(3, 2, 6, 6), mask)  # of the identity: the weights themselves
    torch.testing.assert_close(matrix[:, 0].sum(-1), torch.ones(3, 6))
    torch.testing.assert_close(matrix[:, 1, :4].sum(-1), torch.ones(3, 4))
    assert (matrix[:, 1, :, 4:] == 0).all()
    for i, j in np.ndindex(6, 6):
        admitted = i - j <= 2 if window == "printed" else abs(i - j) <= 2
        assert bool((matrix[:, 0, i, j] > 0).all()) == admitted
    offsets = (part.weight[1, 4] - part.weight[1, 3]).exp()  # of i - j = 2 over i - j = 1
    torch.testing.assert_close(matrix[1, 0, 3, 1] / matrix[1, 0, 3, 2], offsets)


def by_loops(part: Attention, z: Tensor, kept: Tensor, mask: Tensor, heads: int) -> Tensor:
    """Attention of eq. 24-30 with the sum as values, one number at a time."""
    answer, (_, count, length, width) = torch.zeros_like(z), z.shape
    size = width // heads
    for m, b in np.ndindex(3, count):
        n, o = (k for k in range(3) if k != m)
        queries = z[m, b] @ part.query.weight[m]
        keys = {k: z[k, b] @ part.key.weight[k] for k in (n, o)}
        values = {k: z[k, b] @ part.value.weight[k] for k in (n, o)}
        usable = [j for j in range(length) if mask[b, j] and (kept[n, b, j] or kept[o, b, j])]
        for i in range(length):
            joined = torch.zeros(width)
            for h in range(heads):
                part_of = slice(h * size, (h + 1) * size)
                scores = []
                for j in usable:
                    there = [k for k in (n, o) if kept[k, b, j]]
                    terms = [
                        queries[i, d] * math.prod(keys[k][j, d] for k in there)
                        for d in range(part_of.start, part_of.stop)
                    ]
                    scores.append(sum(terms) / math.sqrt(size))
                weights = torch.stack(scores).softmax(0) if usable else []
                for weight, j in zip(weights, usable, strict=True):
                    for k in (n, o):
                        if kept[k, b, j]:
                            joined[part_of] += weight * values[k][j, part_of]
            answer[m, b, i] = joined @ part.join.weight[m]
    return answer


def attention_case(**changes: Any) -> tuple[Attention, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    kept = torch.ones(3, 2, 4, dtype=torch.bool)
    kept[1, 0, 1] = kept[2, 0, 2] = kept[1, 1, 0] = kept[2, 1, 0] = False
    mask = torch.tensor([[True] * 4, [True, True, True, False]])
    return Attention(replace(SMALL, **changes)), torch.randn(3, 2, 4, 8), kept & mask, mask


def test_trilinear_attention_equals_a_plain_loop_and_falls_back_to_the_pair():
    part, z, kept, mask = attention_case()
    with torch.no_grad():
        torch.testing.assert_close(part(z, kept, mask, None), by_loops(part, z, kept, mask, 2), atol=1e-5, rtol=1e-5)


def test_with_one_modality_left_all_similarities_but_both_agree():
    answers = []
    for similarity in ("trilinear", "pairwise"):
        part, z, kept, mask = attention_case(similarity=similarity)
        kept[1:] = False
        answers.append(part(z, kept, mask, None))
    torch.testing.assert_close(*answers)
    assert (answers[0][0] == 0).all()  # text has nothing to attend to
    assert (answers[0][1] != 0).any()


def test_crosswise_values_take_the_weights_of_one_pair_and_the_content_of_the_other():
    part, z, kept, mask = attention_case(values="third", heads=1)
    kept, mask = torch.ones_like(kept), torch.ones_like(mask)
    query, keys = z[0] @ part.query.weight[0], z @ part.key.weight.unsqueeze(1)
    values = z @ part.value.weight.unsqueeze(1)
    by_audio, by_vision = ((query @ keys[k].mT / math.sqrt(8)).softmax(-1) for k in (1, 2))
    expected = (by_audio @ values[2] + by_vision @ values[1]) @ part.join.weight[0]
    torch.testing.assert_close(part(z, kept, mask, None)[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mask_missing", [True, False])
def test_a_word_without_any_key_takes_a_share_only_if_it_is_not_masked(mask_missing: bool):
    part, z, kept, mask = attention_case(mask_missing=mask_missing, heads=1)
    kept[:] = False
    kept[0, 1, 1] = True  # the only key of the second utterance, which has three words
    alone = z[0, 1, 1] @ part.value.weight[0] @ part.join.weight[1]
    keys = torch.ones(3, 8)
    keys[1] = z[0, 1, 1] @ part.key.weight[0]
    weight = (keys @ (z[1, 1, 0] @ part.query.weight[1]) / math.sqrt(8)).softmax(0)[1]
    answer = part(z, kept, mask, None)
    torch.testing.assert_close(answer[1, 1, 0], alone if mask_missing else alone * weight)
    assert (answer[:, 0] == 0).all()


def test_printed_values_are_self_attention():
    part, z, kept, mask = attention_case(values="self")
    spoilt = z.clone()
    spoilt[1:] += 1
    torch.testing.assert_close(part(z, kept, mask, None)[0], part(spoilt, kept, mask, None)[0])


def test_a_bias_shifts_the_attention_to_its_offsets():
    part, z, kept, mask = attention_case()
    bias = torch.where(torch.eye(4, dtype=torch.bool), 50.0, 0.0).expand(3, 4, 4)
    here = (z[1, 0, 3] @ part.value.weight[1] + z[2, 0, 3] @ part.value.weight[2]) @ part.join.weight[0]
    torch.testing.assert_close(part(z, kept, mask, bias)[0, 0, 3], here)


# Distillation


def csd_by_loops(anchors: Tensor, there: Tensor, keys: Tensor, present: Tensor, same: Tensor, scales: Tensor) -> Any:
    """Eq. 35-37, the terms that exist, with a missing one of the two key modalities replaced by the other."""
    found = []
    for m in range(3):
        losses = []
        for i in range(len(same)):
            logits = {}
            for k in range(len(same)):
                terms = [scales[m, n] * (anchors[m, i] @ keys[n, k]) for n in range(3) if n != m and present[k, n]]
                if k != i and terms:
                    logits[k] = 2 * sum(terms) / len(terms)
            positives = [k for k in logits if same[i, k]]
            if there[i, m] and positives:
                total = torch.stack(list(logits.values())).logsumexp(0)
                losses.append(-sum(logits[p] - total for p in positives) / len(positives))
        found += [sum(losses) / len(losses)] if losses else []
    return found


def csd_case() -> tuple[Output, Output, Tensor]:
    rng = np.random.default_rng(0)
    levels = torch.from_numpy(rng.standard_normal((2, 6, 3, 8)).astype(np.float32))
    present = torch.ones(2, 6, 3, dtype=torch.bool)
    present[1, 0, 1] = present[1, 2, 0] = present[1, 2, 2] = present[1, 3] = present[0, 5, 2] = False
    outputs = [Output(NONE, NONE, {"levels": levels[k], "present": present[k]}) for k in range(2)]
    return outputs[0], outputs[1], torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0, 2.0]).unsqueeze(1)


def test_csd_equals_a_double_loop_with_absent_modalities_and_anchors_without_positives():
    teacher, learner, targets = csd_case()
    part = ContrastiveDistillation(replace(SMALL, csd_projection="identity"))
    nn.init.normal_(part.log_scale)
    same, known = classes(CLASSES, targets, torch.ones(6, 1, dtype=torch.bool))
    sides = [
        (nn.functional.normalize(output.parts["levels"], dim=-1).transpose(0, 1), output.parts["present"])
        for output in (teacher, learner)
    ]
    scales = part.log_scale.exp()
    terms = csd_by_loops(*sides[0], *sides[1], same, scales) + csd_by_loops(*sides[1], *sides[0], same, scales)
    torch.testing.assert_close(part(teacher, learner, same, known), sum(terms) / len(terms))


def test_csd_of_utterances_of_unknown_class_is_that_of_the_others():
    teacher, learner, targets = csd_case()
    part = ContrastiveDistillation(SMALL)
    known = torch.tensor([True, True, True, True, False, True]).unsqueeze(1)
    some = torch.tensor([0, 1, 2, 3, 5])
    fewer = [
        replace(side, parts={name: values[some] for name, values in side.parts.items()}) for side in csd_case()[:2]
    ]
    torch.testing.assert_close(
        part(teacher, learner, *classes(CLASSES, targets, known)),
        part(fewer[0], fewer[1], *classes(CLASSES, targets[some], known[some])),
    )


def test_csd_without_any_positive_is_zero_with_a_gradient_of_zero():
    teacher, learner, _ = csd_case()
    part = ContrastiveDistillation(SMALL)
    loss = part(teacher, learner, torch.eye(6, dtype=torch.bool), torch.ones(6, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert (part.of_student.weight.grad == 0).all()


def test_csd_is_low_where_classes_are_apart_and_high_where_they_are_mixed():
    axes = torch.eye(4)[[0, 0, 1, 1]].expand(3, 4, 4)
    there, same = torch.ones(4, 3, dtype=torch.bool), torch.tensor([0, 0, 1, 1]).eq(torch.tensor([[0], [0], [1], [1]]))
    scales = torch.full((3, 3), 10.0)
    apart, _ = contrast(axes, there, axes, there, same, scales)
    mixed, _ = contrast(axes, there, axes[:, [0, 2, 0, 2]], there, same, scales)
    assert apart.max() < 1e-6
    assert mixed.min() > 1


@pytest.mark.parametrize(
    ("task", "targets", "expected"),
    [
        (SCORE, [[0.4], [-0.3], [2.6], [9.0]], [[0, 1], [2, 3]]),
        (BINARY, [[0, 1, 0], [0, 1, 1], [0, 1, 0], [1, 1, 1]], [[0, 2]]),
    ],
)
def test_classes_are_rounded_scores_or_combinations_of_labels(task: Task, targets: Any, expected: list[list[int]]):
    same, _ = classes(task, torch.tensor(targets, dtype=torch.float32), torch.ones(4, 1, dtype=torch.bool))
    assert (same.triu(1)).nonzero().tolist() == expected


def test_srd_of_the_identity_is_one_minus_the_cosine():
    one, other = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 2.0], [1.0, 1.0]])
    part = SimilarityDistillation(SMALL)
    assert not list(part.parameters())
    assert part(one, other).item() == pytest.approx(1 - math.sqrt(0.5) / 2)
    assert part(one, 3 * one).item() == pytest.approx(0, abs=1e-6)


def test_the_regulariser_is_the_penalised_mean_square_of_q_k_and_v():
    parts = [Attention(SMALL), Attention(SMALL)]
    for part in parts:
        for layer, value in ((part.query, 1.0), (part.key, 2.0), (part.value, 3.0), (part.join, 9.0)):
            nn.init.constant_(layer.weight, value)
    assert regulariser(parts, (1.0, 10.0, 100.0)).item() == pytest.approx(1 + 40 + 900)


# The stages


def gradients(objective: nn.Module, batch: Batch) -> dict[str, bool]:
    objective(batch)["loss"].backward()
    return {
        name: parameter.grad is not None and bool((parameter.grad != 0).any())
        for name, parameter in objective.named_parameters()
    }


@pytest.mark.parametrize("task", [SCORE, CLASSES, BINARY], ids=lambda task: task.kind)
def test_every_parameter_of_each_stage_gets_a_gradient_and_the_teacher_none(task: Task):
    teacher = network(outputs=task.outputs)
    batch = word_batch(np.random.default_rng(0), (5, 3, 1, 4) * 4, task=task, kept="random")
    assert all(gradients(aumdf.objective("teacher", teacher, SMALL, task, None), batch.complete()).values())
    teacher.zero_grad()
    config = replace(SMALL, srd_projection="printed")
    objective = aumdf.objective("student", network(outputs=task.outputs, seed=1), config, task, teacher)
    got = gradients(objective, batch)
    assert all(got.values()), [name for name, there in got.items() if not there]
    assert {"csd.log_scale", "csd.of_teacher.weight", "srd.log_scale"} <= set(got)
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_students_loss_is_the_weighted_sum_of_its_parts():
    config = replace(SMALL, lambda_task=0.5, lambda_regulariser=2.0, lambda_csd=3.0, lambda_srd=4.0)
    parts = student(config)(batch_of(lengths=(4,) * 12))
    expected = 0.5 * parts["task"] + 2 * parts["regulariser"] + 3 * parts["csd"] + 4 * parts["srd"]
    torch.testing.assert_close(parts["loss"], expected)
    assert all(parts[name] > 0 for name in ("task", "regulariser", "csd", "srd"))


def test_the_teacher_stays_frozen_in_evaluation_mode_and_out_of_the_students_state():
    objective = student().train().double()
    teacher = objective._teacher[0]
    assert not any(module.training for module in teacher.modules())
    assert teacher.head.weight.dtype == torch.float64  # it moves with the objective
    owned = {id(parameter) for parameter in objective.parameters()} | {
        id(value) for value in objective.state_dict(keep_vars=True).values()
    }
    assert not owned & {id(parameter) for parameter in teacher.parameters()}


def test_the_teacher_sees_the_complete_data():
    objective = student(replace(SMALL, dropout=0.0))
    objective.model.load_state_dict(objective._teacher[0].state_dict())
    complete = batch_of(kept="all")
    dropped = replace(complete, kept=complete.kept & torch.tensor([True, False, False]))
    assert objective(complete)["srd"].item() == pytest.approx(0, abs=1e-6)
    assert objective(dropped)["srd"].item() > 0.01


def test_without_distillation_the_teacher_is_not_run():
    objective = student(replace(SMALL, lambda_csd=0.0, lambda_srd=0.0))
    objective._teacher[0].register_forward_hook(lambda *_: pytest.fail("the teacher was run"))
    assert objective(batch_of())["csd"].item() == 0


def test_a_student_without_a_teacher_is_refused():
    with pytest.raises(ValueError, match="without a teacher"):
        aumdf.objective("student", network(), SMALL, SCORE, None)


@pytest.mark.parametrize("stage", ["teacher", "student"])
def test_it_learns(stage: str):
    config = replace(SMALL, hidden=16, width=16)
    batch = word_batch(np.random.default_rng(0), (5, 4, 2, 3) * 8, kept="all" if stage == "teacher" else "random")
    means = [batch.full[name].sum(1) / batch.mask.sum(1, keepdim=True) for name in ("text", "audio", "vision")]
    batch = replace(batch, targets=2 * (means[0][:, :1] + means[1][:, :1] + means[2][:, :1]))
    objective = aumdf.objective(stage, network(config), config, SCORE, network(config, seed=1))
    optimiser = torch.optim.Adam(objective.parameters(), lr=1e-2)
    losses = []
    for _ in range(50):
        parts = objective(batch)
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        losses.append(parts["task"].item())
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
