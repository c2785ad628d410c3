"""The network of AUMDF, teacher and student alike (sections 3.4 to 3.8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.layers.pooling import masked_mean
from zoo.layers.positions import sinusoidal_code
from zoo.models.aumdf.config import Config
from zoo.models.aumdf.enhancement import Enhancement
from zoo.models.aumdf.preprocessing import Preprocessing
from zoo.models.aumdf.transformer import Transformer
from zoo.models.aumdf.weighting import Weighting, shares
from zoo.types import MODALITIES, Batch, Inputs, Modality, Output


class AUMDF(nn.Module):
    """Enhance, preprocess, weight, transform, average over words, predict.

    Parameters
    ----------
    config : Config
    inputs : Inputs
        A modality that it lacks gets no enhancement and no preprocessing; it is treated as one that is dropped.

    Notes
    -----
    A modality that is kept nowhere in an utterance is zero at every word, behind the preprocessing and again behind the
    weighting, so that biases and position code do not stand for it. Its H_m is still averaged over the real words: it
    holds what its query, then a constant, found in the other modalities. At a dropped word of a modality that is kept
    elsewhere in the utterance, the features hold what the recurrent layers and the convolution carry over from its
    other words; such a word asks but is no key. Dropout is on the output of the enhancement, inside the transformer and
    before the head.
    """

    def __init__(self, config: Config, inputs: Inputs) -> None:
        super().__init__()
        self.width, self.level = config.width, config.csd_level
        self.enhance = nn.ModuleDict({name: Enhancement(width, config) for name, width in inputs.dims.items()})
        self.preprocess = nn.ModuleDict(
            {name: Preprocessing(config.hidden, config.width, config.kernel) for name in inputs.dims}
        )
        self.weight = Weighting(config.width) if config.dwam else None
        self.transform = nn.ModuleList(Transformer(config) for _ in range(config.layers))
        self.drop = nn.Dropout(config.dropout)
        self.head = nn.Linear(len(MODALITIES) * config.width, inputs.outputs)

    def forward(self, batch: Batch) -> Output:
        """Predict.

        Returns
        -------
        Output
            ``features`` is H (B, 3 width). ``parts``: ``weights`` (B, T, 3), see `weighting.shares`; ``levels`` (B, 3,
            width), what contrastive distillation compares, averaged over the real words; ``present`` (B, 3) bool, True
            where a modality is kept anywhere in the utterance.
        """
        kept = (batch.kept & batch.mask.unsqueeze(-1)).permute(2, 0, 1)  # (3, B, T)
        present = kept.any(-1)
        real = (present.unsqueeze(-1) & batch.mask).unsqueeze(-1)  # (3, B, T, 1)
        preprocessed = torch.stack([self._preprocessed(name, batch) for name in MODALITIES]) * real
        code = sinusoidal_code(batch.mask.shape[1], self.width, batch.mask.device)
        gated = (preprocessed + code) * real
        if self.weight is not None:
            gated = self.weight(gated) * real
        transformed = gated
        for layer in self.transform:
            transformed = layer(transformed, kept, batch.mask)
        pooled = masked_mean(transformed, batch.mask).transpose(0, 1)  # (B, 3, width)
        features = pooled.flatten(1)
        levels = pooled if self.level == "mmt" else masked_mean(preprocessed, batch.mask).transpose(0, 1)
        parts = {"weights": shares(gated, kept), "levels": levels, "present": present.transpose(0, 1)}
        return Output(self.head(self.drop(features)), features, parts)

    def _preprocessed(self, name: Modality, batch: Batch) -> Tensor:
        """Preprocessed features (B, T, width) of one modality; zeros if the corpus lacks it."""
        if name not in self.enhance:
            return torch.zeros((*batch.mask.shape, self.width), device=batch.mask.device)
        kept = batch.kept[:, :, MODALITIES.index(name), None]
        enhanced = self.enhance[name](torch.where(kept, batch.features[name], 0.0), batch.mask)
        preprocessed: Tensor = self.preprocess[name](self.drop(enhanced), batch.mask)
        return preprocessed
