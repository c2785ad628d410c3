"""RPM, the preprocessing of one modality (section 3.5), without its position code, which all modalities share."""

from __future__ import annotations

from torch import Tensor, nn


class Preprocessing(nn.Module):
    """Convolution over words (eq. 13) that sees zeros where there is no word.

    Parameters
    ----------
    hidden, width : int
        Widths of its input and its output.
    kernel : int
        Odd, words.
    """

    def __init__(self, hidden: int, width: int, kernel: int) -> None:
        super().__init__()
        self.convolve = nn.Conv1d(hidden, width, kernel, padding=kernel // 2)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Convolve (B, T, hidden) to (B, T, width); what comes out at padding means nothing."""
        real = values * mask.unsqueeze(-1)
        convolved: Tensor = self.convolve(real.transpose(1, 2)).transpose(1, 2)
        return convolved
