"""MMT, the masked transformer of three modalities (sections 3.7 and 3.8). The first axis is the query's modality."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.models.aumdf.config import Config
from zoo.models.aumdf.stacked import COUNT, StackedLinear, StackedNorm, others


class Transformer(nn.Module):
    """One layer, for the three query modalities at once (eq. 31-32).

    Notes
    -----
    Invented: normalisations, feed-forward network and output map per modality; the feed-forward network is two linear
    maps with a ReLU between; dropout on what attention and the feed-forward network return.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        self.align = TimeAlignment(config) if config.time_alignment != "off" else None
        self.to_values = config.time_alignment == "values"
        self.before, self.behind = StackedNorm(width), StackedNorm(width)
        self.attend = Attention(config)
        self.feed = nn.Sequential(
            StackedLinear(width, config.expansion * width),
            nn.ReLU(),
            StackedLinear(config.expansion * width, width),
            nn.Dropout(config.dropout),
        )
        self.drop = nn.Dropout(config.dropout)

    def forward(self, values: Tensor, kept: Tensor, mask: Tensor) -> Tensor:
        """Transform (3, B, T, width), given ``kept`` (3, B, T) and ``mask`` (B, T); padding comes out as anything."""
        bias = None
        if self.align is not None and self.to_values:
            values = values + self.align(values, mask)
        elif self.align is not None:
            bias = self.align.bias(values.shape[2])
        values = self.before(values)
        inner: Tensor = self.behind(self.drop(self.attend(values, kept, mask, bias)) + values)
        fed: Tensor = self.feed(inner)
        return fed + inner


class TimeAlignment(nn.Module):
    """Learned weight of each offset between words, within a window of K (eq. 21-22).

    Notes
    -----
    Invented: one weight per offset, modality and layer, all equal at the start. With the printed window every later
    word is admitted; those further off than K share the weight of the offset K.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(COUNT, 2 * config.reach + 1))
        self.reach, self.later = config.reach, config.window == "printed"

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Average (3, B, T, D) over the window with softmax weights, which sum to one over the real words (B, T)."""
        offsets, inside = self._offsets(values.shape[2])
        weight = (self.weight - self.weight.amax(1, keepdim=True)).exp()
        band = torch.where(inside, weight[:, offsets], 0.0)
        total = torch.einsum("mij,bj->mbi", band, mask.to(band.dtype)).clamp(min=torch.finfo(band.dtype).tiny)
        real = values * mask.unsqueeze(-1)
        return band.unsqueeze(1) @ real / total.unsqueeze(-1)

    def bias(self, length: int) -> Tensor:
        """Weights (3, T, T) to be added to the attention scores, zero outside the window."""
        offsets, inside = self._offsets(length)
        return torch.where(inside, self.weight[:, offsets], 0.0)

    def _offsets(self, length: int) -> tuple[Tensor, Tensor]:
        """Column of each pair of words in `weight`, and whether the window admits the pair."""
        place = torch.arange(length, device=self.weight.device)
        offset = place.unsqueeze(1) - place
        inside = offset <= self.reach
        if not self.later:
            inside = inside & (offset >= -self.reach)
        return offset.clamp(-self.reach, self.reach) + self.reach, inside


class Attention(nn.Module):
    """Multi-head attention of each modality to its two others (eq. 23-30).

    Every similarity is the dot product of the query with one combined key per word: ``K_n * K_o`` (trilinear), ``K_n +
    K_o`` (pairwise), or the sum of both. A key that is not kept is the neutral element, one in the product and zero in
    the sum, so that the product falls back to the pair.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.query, self.key, self.value, self.join = (
            StackedLinear(config.width, config.width, bias=False) for _ in range(4)
        )
        self.heads, self.similarity = config.heads, config.similarity
        self.values, self.mask_missing = config.values, config.mask_missing

    def forward(self, values: Tensor, kept: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
        """Attend.

        Parameters
        ----------
        values : Tensor, shape (3, B, T, width)
        kept : Tensor, shape (3, B, T), bool
        mask : Tensor, shape (B, T), bool
        bias : Tensor, shape (3, T, T), optional
            Added to the scores.

        Returns
        -------
        Tensor, shape (3, B, T, width)
            Zeros for an utterance with nothing to attend to: its weights are even then, but its values all zero.
        """
        keys, contents, allowed = self._sources(values, kept)
        allowed = (allowed & mask) if self.mask_missing else mask.expand(allowed.shape)
        query, rounds = self.query(values), keys.shape[0] // COUNT  # two rounds for ``third``
        score_mask = _additive(allowed, query.dtype).unsqueeze(2)  # (R, B, 1, T)
        if bias is not None:
            score_mask = score_mask + bias.repeat(rounds, 1, 1).unsqueeze(1)
        heads = functional.scaled_dot_product_attention(
            self._split(query if rounds == 1 else torch.cat((query, query))),
            self._split(keys),
            self._split(contents),
            attn_mask=score_mask.flatten(0, 1).unsqueeze(1),
        )
        joined = heads.transpose(1, 2).reshape(keys.shape)
        answer: Tensor = self.join(joined.view(rounds, *values.shape).sum(0))
        return answer

    def _sources(self, values: Tensor, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Combined keys, values (R, B, T, width) and where there is a key (R, B, T); R is 3, or 6 for ``third``."""
        real = kept.unsqueeze(-1)
        keys, contents = self.key(values), self.value(values) * real
        if self.values == "self":
            return keys, contents, kept
        first, second = others(contents)
        one, other = others(kept)
        if self.values == "sum":
            return self._combined(keys, real), first + second, one | other
        pair = torch.cat(others(torch.where(real, keys, 1.0)))
        return pair, torch.cat((second, first)), torch.cat((one | other, one | other))

    def _combined(self, keys: Tensor, real: Tensor) -> Tensor:
        """Key of each query modality: of its two others, by the similarity."""
        one, other = others(torch.where(real, keys, 1.0))
        if self.similarity == "trilinear":
            return one * other
        first, second = others(keys * real)
        pairwise: Tensor = first + second
        return pairwise if self.similarity == "pairwise" else one * other + pairwise

    def _split(self, values: Tensor) -> Tensor:
        """From (R, B, T, width) to (R * B, heads, T, width / heads)."""
        split: Tensor = values.flatten(0, 1).unflatten(-1, (self.heads, -1))
        return split.transpose(1, 2)


def _additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where allowed and very low elsewhere; half of the lowest, so that adding a score stays finite."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill(
        ~allowed, torch.finfo(dtype).min / 2
    )
