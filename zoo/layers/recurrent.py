"""Recurrent layers whose padding is a mask: no packed sequences, so they export at any batch size and length."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BiLSTM(nn.Module):
    """Bidirectional LSTM over padded sequences.

    The backward direction reads each sequence reversed inside its own length, so it never sees padding first. Equal to
    ``nn.LSTM(bidirectional=True)`` over a packed sequence with the same weights. Recurrent weights start orthogonal,
    input weights Xavier uniform, biases 0, but 1 at the forget gate.

    Parameters
    ----------
    inputs : int
        Width D of the input.
    hidden : int
        Width of the output, even; half of it per direction, forward first.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(inputs, hidden // 2, batch_first=True)
        self.back = nn.LSTM(inputs, hidden // 2, batch_first=True)
        for lstm in (self.ahead, self.back):
            _initialise(lstm)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Encode.

        Parameters
        ----------
        values : Tensor, shape (B, T, D)
        mask : Tensor, shape (B, T), bool
            True at real positions, padding behind. What stands in the padding is read, but reaches neither the answer
            nor a gradient, as long as it is finite.

        Returns
        -------
        Tensor, shape (B, T, hidden)
            Zeros at padding.
        """
        real = mask.unsqueeze(-1)
        order = reversal(mask)
        ahead, _ = self.ahead(values)
        back, _ = self.back(reorder(values, order))
        return torch.cat((ahead, reorder(back, order)), dim=-1) * real  # several times faster than `torch.where`


def reversal(mask: Tensor) -> Tensor:
    """Where each position goes when every sequence is reversed inside its own length; padding stays.

    Parameters
    ----------
    mask : Tensor, shape (B, T), bool

    Returns
    -------
    Tensor, shape (B, T), int64
        Its own inverse, for `reorder`.
    """
    place = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, mask.sum(1, keepdim=True) - 1 - place, place)


def reorder(values: Tensor, order: Tensor) -> Tensor:
    """Take ``values`` (B, T, D) along time in the ``order`` (B, T)."""
    return values.gather(1, order.unsqueeze(-1).expand(-1, -1, values.shape[-1]))


def _initialise(lstm: nn.LSTM) -> None:
    for name, parameter in lstm.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
        else:
            for gate in parameter.chunk(4):
                (nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_)(gate)
    nn.init.ones_(lstm.get_parameter("bias_ih_l0")[lstm.hidden_size : 2 * lstm.hidden_size])
