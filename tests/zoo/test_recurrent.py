"""The layers over time: masked recurrence, masked statistics, position code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from zoo.layers.pooling import masked_mean, masked_moments
from zoo.layers.positions import sinusoidal_code
from zoo.layers.recurrent import BiLSTM, reorder, reversal

LENGTHS = (7, 1, 4)


def sequences(seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)
    return torch.from_numpy(rng.standard_normal((*mask.shape, 5)).astype(np.float32)), mask


def foreign_of(layer: BiLSTM, inputs: int, hidden: int) -> nn.LSTM:
    foreign = nn.LSTM(inputs, hidden // 2, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, parameter in layer.ahead.named_parameters():
            getattr(foreign, name).copy_(parameter)
        for name, parameter in layer.back.named_parameters():
            getattr(foreign, f"{name}_reverse").copy_(parameter)
    return foreign


def test_it_equals_torchs_bidirectional_lstm_over_packed_sequences_in_answer_and_gradient():
    torch.manual_seed(0)
    values, mask = sequences()
    layer = BiLSTM(5, 6)
    foreign = foreign_of(layer, 5, 6)
    packed = pack_padded_sequence(values, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(foreign(packed)[0], batch_first=True)
    answer = layer(values, mask)
    answer.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(answer, expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(layer.back.weight_hh_l0.grad, foreign.weight_hh_l0_reverse.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(layer.ahead.weight_ih_l0.grad, foreign.weight_ih_l0.grad, atol=1e-5, rtol=1e-4)


def test_what_stands_in_the_padding_changes_neither_answer_nor_gradient():
    values, mask = sequences()
    layer = BiLSTM(5, 6)
    clean = layer(values, mask)
    clean.sum().backward()
    before = layer.ahead.weight_ih_l0.grad.clone()
    layer.zero_grad()
    spoilt = layer(torch.where(mask.unsqueeze(-1), values, 1e6), mask)
    spoilt.sum().backward()
    torch.testing.assert_close(spoilt, clean)
    torch.testing.assert_close(layer.ahead.weight_ih_l0.grad, before)


def test_outputs_at_padding_are_zero():
    values, mask = sequences()
    answer = BiLSTM(5, 6)(values, mask)
    assert (answer[~mask] == 0).all()
    assert (answer[mask] != 0).all()


def test_a_sequence_alone_equals_its_row_of_a_batch():
    values, mask = sequences()
    layer = BiLSTM(5, 6)
    torch.testing.assert_close(layer(values[2:, :4], mask[2:, :4])[0], layer(values, mask)[2, :4])


def test_reversal_is_inside_the_length_and_its_own_inverse():
    values, mask = sequences()
    order = reversal(mask)
    assert order.tolist() == [[6, 5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5, 6], [3, 2, 1, 0, 4, 5, 6]]
    torch.testing.assert_close(reorder(reorder(values, order), order), values)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of torch's own code
def test_a_trace_holds_for_other_batch_sizes_and_lengths():
    values, mask = sequences()
    layer = BiLSTM(5, 6)
    traced = torch.jit.trace(layer, (values, mask))
    longer = torch.randn(2, 11, 5)
    real = torch.arange(11) < torch.tensor([[11], [6]])
    torch.testing.assert_close(traced(longer, real), layer(longer, real))


def test_moments_are_those_of_the_real_positions():
    values, mask = sequences()
    mean, deviation = masked_moments(values, mask, epsilon=0.0)
    for row, length in enumerate(LENGTHS):
        real = values[row, :length].numpy()
        np.testing.assert_allclose(mean[row].numpy(), real.mean(0), atol=1e-6)
        np.testing.assert_allclose(deviation[row].numpy(), real.std(0), atol=1e-6)


def test_the_gradient_of_a_deviation_over_one_position_is_finite():
    values, mask = sequences()
    values.requires_grad_()
    masked_moments(values, mask)[1].sum().backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()


def test_the_mean_over_nothing_is_zero():
    values, mask = sequences()
    assert (masked_mean(values, torch.zeros_like(mask)) == 0).all()


def test_the_position_code_follows_the_formula():
    code = sinusoidal_code(4, 6)
    assert code.shape == (4, 6)
    assert code[3, 2].item() == pytest.approx(np.sin(3 / 10000 ** (2 / 6)), abs=1e-6)
    assert code[3, 5].item() == pytest.approx(np.cos(3 / 10000 ** (4 / 6)), abs=1e-6)
