"""Features on a common scale: fitted on the training part, kept in the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mmfeat.types import Modality
from zoo.data.corpus import Part

LEAST_DEVIATION = 1e-6  # a dimension that varies less is constant and stays as it is, apart from its mean
LARGEST = 10.0  # deviations; what lies further out is a fault of an extractor and would rule a batch


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of each dimension over the observed training rows."""

    mean: Mapping[Modality, Tensor]  # each (D_m,) float32
    deviation: Mapping[Modality, Tensor]  # each (D_m,) float32, 1 where a dimension is constant

    def __call__(self, modality: Modality, values: Tensor) -> Tensor:
        """Bring (..., D_m) to mean 0 and deviation 1, cut at 10 deviations."""
        mean, deviation = self.mean[modality].to(values.device), self.deviation[modality].to(values.device)
        return ((values - mean) / deviation).clamp(-LARGEST, LARGEST)

    def state(self) -> dict[str, Tensor]:
        """As tensors with names, for a checkpoint."""
        return {
            f"{kind}.{modality}": values
            for kind, table in (("mean", self.mean), ("deviation", self.deviation))
            for modality, values in table.items()
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Normalisation:
        """Read what `state` gave."""
        tables: dict[str, dict[Modality, Tensor]] = {"mean": {}, "deviation": {}}
        for name, values in state.items():
            kind, _, modality = name.partition(".")
            tables[kind][modality] = values  # type: ignore[index]  # written by `state`
        return cls(tables["mean"], tables["deviation"])


def fit_normalisation(part: Part) -> Normalisation:
    """Mean and deviation over the observed rows of a part, in float64.

    A modality that was observed nowhere gets mean 0 and deviation 1.
    """
    mean: dict[Modality, Tensor] = {}
    deviation: dict[Modality, Tensor] = {}
    for modality, values in part.features.items():
        seen = torch.from_numpy(values[part.rows.observed[modality]]).double()
        if not len(seen):
            seen = torch.zeros(1, values.shape[1], dtype=torch.float64)
        spread = seen.std(dim=0, correction=0)
        mean[modality] = seen.mean(dim=0).float()
        deviation[modality] = torch.where(spread > LEAST_DEVIATION, spread, 1.0).float()
    return Normalisation(mean, deviation)
