"""Settings of AUMDF: what the paper leaves open, contradicts or does not give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmfeat.errors import ConfigError


@dataclass(frozen=True)
class Config:
    """Settings of the network and its objectives.

    A field marked "reading" settles something that the paper leaves open or contradicts; its first value is ours. A
    field marked "invented" has no value in the paper at all.
    """

    # Sizes. All are invented, but the paper's 300 for `hidden`: small enough for the CPU of a laptop.
    hidden: int = 32  # h, of the feature enhancement; even
    width: int = 32  # d, of everything behind it; even, a multiple of `heads`
    heads: int = 4
    layers: int = 1  # of the masked transformer; 0: without it, an ablation
    kernel: int = 3  # of the convolution over words; odd
    reach: int = 5  # K of eq. 21, words
    expansion: int = 2  # inner width of the feed-forward network over `width`
    dropout: float = 0.3  # reading: the paper's 0.8 is unlikely to be the share that is dropped

    # Feature enhancement (section 3.4)
    normalisation: Literal["layer", "time", "none"] = "layer"  # reading of eq. 3: over channels; over time, as printed
    gate: Literal["straight_through", "fixed"] = "straight_through"  # reading of eq. 9: rho is learned; or rho is 0
    gate_slope: float = 5.0  # invented: of the sigmoid whose gradient the gate borrows
    fusion: Literal["sum", "product"] = "sum"  # reading of the circled cross in eq. 12
    noise_filter: bool = True  # False: an ablation, the unified features alone

    # Weighting and attention (sections 3.6 to 3.8)
    dwam: bool = True  # False: the ablation of table 6
    time_alignment: Literal["values", "bias", "off"] = "values"  # reading of eq. 22: Z + S Z; S added to the scores
    window: Literal["both", "printed"] = "both"  # reading of eq. 21: |i - j| <= K; i - j <= K
    similarity: Literal["trilinear", "pairwise", "both"] = "trilinear"  # reading of eq. 25; eq. 24 with each; the sum
    values: Literal["sum", "third", "self"] = "sum"  # reading of eq. 30: of the others; crosswise; as printed
    mask_missing: bool = True  # reading of eq. 23: words where no key is kept are masked too

    # Losses (sections 3.9 to 3.11); a lambda of 0 switches its term off, without cost
    score_loss: Literal["l1", "mse"] = "l1"  # reading: the paper prints cross-entropy, yet reports errors of a score
    lambda_task: float = 1.0  # 0: the row of table 7 without it, whose head nothing trains
    lambda_regulariser: float = 0.1  # lambda 1
    lambda_csd: float = 0.1  # lambda 2
    lambda_srd: float = 0.1  # lambda 3
    penalties: tuple[float, ...] = (1.0, 1.0, 1.0)  # invented: of the Q, K and V projections in eq. 40
    csd_level: Literal["rpm", "mmt"] = "rpm"  # reading of X in eq. 35: before the position code; the transformer's H_m
    csd_projection: Literal["linear", "identity"] = "linear"  # reading of X in eq. 35
    csd_normalised: bool = True  # reading: unit vectors; eq. 24 prints the raw dot product
    csd_scale: float = 10.0  # invented: where the learned alpha_mn start
    srd_projection: Literal["identity", "tied", "printed"] = "identity"  # reading of eq. 39: learned ones collapse

    def __post_init__(self) -> None:
        if self.hidden % 2 or self.hidden < 2:
            raise ConfigError(f"hidden {self.hidden}; expected an even number, half per direction; round it")
        if self.width % 2 or self.width % self.heads or self.width < 2:
            raise ConfigError(f"width {self.width}; expected an even multiple of heads={self.heads}; change one")
        if self.kernel % 2 == 0:
            raise ConfigError(f"kernel {self.kernel}; expected an odd number, as many words on both sides; add one")
        if len(self.penalties) != 3:
            raise ConfigError(f"penalties {self.penalties}; expected three numbers, of Q, K and V; give all three")
