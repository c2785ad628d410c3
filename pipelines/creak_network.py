"""Train the networks of the creaky-voice posterior: ``python -m pipelines.creak_network ../shared/data``.

The targets are posteriors that COVAREP gave for free recordings (the column ``creak``, numeric results); the inputs are
our own twelve features. Learnt is the logit, which says something in every frame, also where the posterior is near 0.
Agreement is measured on speakers, and on single clips, that a network has not seen; then all clips make the weights
that are shipped.

Not used: clips with digital silence, where the original's residual is not a number and its posterior means nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmfeat.extractors.covarep.creak import WEIGHTS, networks_on, with_changes
from mmfeat.extractors.covarep.creak_features import creak_features
from mmfeat.extractors.covarep.linear_prediction import ORDER, Residual
from mmfeat.extractors.covarep.pitch import track_pitch
from mmfeat.extractors.covarep.signals import Recording, held
from mmfeat.extractors.covarep.uprightness import find_polarity
from mmfeat.media import read_waveform
from mmfeat.safe_write import replacing
from mmfeat.types import SPEECH_RATE

Doubles = NDArray[np.float64]

NETWORKS, HIDDEN = 5, 32
STEPS = 250  # of L-BFGS; three times as many gained nothing on unseen speakers
DECAY, SQUARED = 1e-5, 10.0  # weight of the penalty on weights, and of the squared error of the posterior itself
SILENT = 400  # zeros in a row that make a frame of the residual zero


@dataclass(frozen=True)
class Clip:
    """One recording with its reference posterior."""

    name: str
    speaker: str
    inputs: Doubles  # (K, 36)
    posterior: Doubles  # (K,), of rows every 10 ms
    column: Doubles  # (T,) the column ``creak``, interpolated between the rows


def main() -> None:
    """Measure agreement on unseen speakers and clips, then train on everything and write the weights."""
    clips = read_clips(Path(sys.argv[1]))
    speakers = sorted({clip.speaker for clip in clips})
    print(f"{len(clips)} clips, {len(speakers)} speakers, {sum(len(clip.posterior) for clip in clips)} rows")
    report("speaker unseen", clips, [{clip.name for clip in clips if clip.speaker == speaker} for speaker in speakers])
    report("clip unseen", clips, [{clip.name} for clip in clips if (clip.column > 0.1).any()])
    nets = train(clips)
    print("trained on all:", agreement(clips, [predict(nets, clip) for clip in clips]))
    with replacing(WEIGHTS) as beside, beside.open("wb") as handle:
        arrays: dict[str, Any] = {name: array.astype(np.float32) for name, array in nets.items()}
        np.savez(handle, **arrays)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size} bytes")


def read_clips(data: Path) -> list[Clip]:
    """Clips of ``covarep/`` and ``covarep/wild/`` with their recordings; the speaker is in the name."""
    clips = []
    for reference in sorted((data / "covarep").glob("*.npz")) + sorted((data / "covarep" / "wild").glob("*.npz")):
        wild = reference.parent.name == "wild"
        media = data / "ravdess" / f"{reference.stem}.flac" if wild else reference.with_suffix(".wav")
        heard = read_waveform(media, SPEECH_RATE)
        if heard is None or _has_silence(heard.samples):
            print(f"{reference.stem}: left out, digital silence")
            continue
        with np.load(reference) as arrays:
            column = arrays["features"][:, list(arrays["names"]).index("creak")].astype(np.float64)
        upright = Recording(heard.samples, find_polarity(Recording(heard.samples), faithful=False))
        residual = held(Residual(upright, ORDER))
        inputs = with_changes(creak_features(upright, residual, track_pitch(upright, [(20, 500)])[0]))
        speaker = reference.stem[-2:] if wild else reference.stem.rsplit("_", 1)[0]
        clips.append(Clip(reference.stem, speaker, inputs, rows_of(column, len(inputs)), column))
    return clips


def rows_of(column: Doubles, count: int) -> Doubles:
    """The posterior at its own rows, from a column that is the mean of each two neighbours.

    ``row[k + 1] = 2 column[k] - row[k]`` leaves one unknown, an alternating error: it must keep every row between 0
    and 1, and of what remains the smoothest logarithm is right (to 3e-7 on the one clip whose rows are known).
    """
    count = min(count, len(column)) - 1
    rows = np.zeros(count)
    for row in range(1, count):
        rows[row] = 2 * column[row] - rows[row - 1]
    sign = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
    lowest = max(float((-rows[sign > 0]).max()), float((rows[sign < 0] - 1).max()))
    highest = min(float(rows[sign < 0].min()), float((1 - rows[sign > 0]).min()))
    guesses = lowest + (highest - lowest) * np.linspace(0.0005, 0.9995, 2000)
    rough = [np.abs(np.diff(np.log(np.maximum(rows + sign * guess, 1e-12)), 2)).sum() for guess in guesses]
    found: Doubles = np.clip(rows + sign * guesses[int(np.argmin(rough))], 1e-9, 1 - 1e-9)
    return found


def train(clips: Sequence[Clip]) -> dict[str, Doubles]:
    """Networks on these clips, and the centre and scale of their inputs."""
    inputs = np.concatenate([clip.inputs[: len(clip.posterior)] for clip in clips])
    centre, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    given = torch.from_numpy((inputs - centre) / scale)
    posterior = torch.from_numpy(np.concatenate([clip.posterior for clip in clips]))
    nets = [_train_one(given, posterior, seed) for seed in range(NETWORKS)]
    names = ("hidden_weight", "hidden_bias", "output_weight", "output_bias")
    stacked = {name: np.stack([net[place] for net in nets]) for place, name in enumerate(names)}
    return {"centre": centre, "scale": scale, **stacked}


def _train_one(given: torch.Tensor, posterior: torch.Tensor, seed: int) -> tuple[Doubles, ...]:
    torch.manual_seed(seed)
    hidden, output = torch.nn.Linear(given.shape[1], HIDDEN).double(), torch.nn.Linear(HIDDEN, 1).double()
    logit = torch.logit(posterior)
    parameters = [*hidden.parameters(), *output.parameters()]
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe", tolerance_change=1e-12
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        guessed = output(torch.tanh(hidden(given)))[:, 0]
        wrong = torch.nn.functional.huber_loss(guessed, logit)
        wrong = wrong + SQUARED * torch.mean((torch.sigmoid(guessed) - posterior) ** 2)
        wrong = wrong + DECAY * (hidden.weight.square().sum() + output.weight.square().sum())
        wrong.backward()
        return wrong

    optimiser.step(loss)
    weights = (hidden.weight, hidden.bias, output.weight[0], output.bias[0])
    return tuple(weight.detach().numpy().copy() for weight in weights)


def predict(nets: dict[str, Doubles], clip: Clip) -> Doubles:
    """Posterior of a clip on the grid of its column: means of each two neighbouring rows, 0 at the ends."""
    rows = networks_on(clip.inputs, nets)
    between = np.zeros(len(clip.column))
    count = min(len(rows), len(between)) - 1
    between[1 : count + 1] = 0.5 * (rows[:count] + rows[1 : count + 1])
    return between


def report(what: str, clips: Sequence[Clip], folds: Sequence[set[str]]) -> None:
    """Agreement on clips that were left out of training, pooled over the folds."""
    tested: list[Clip] = []
    guessed: list[Doubles] = []
    for left_out in folds:
        nets = train([clip for clip in clips if clip.name not in left_out])
        unseen = [clip for clip in clips if clip.name in left_out]
        tested += unseen
        guessed += [predict(nets, clip) for clip in unseen]
    print(f"{what}: {agreement(tested, guessed)}")


def agreement(clips: Sequence[Clip], guessed: Sequence[Doubles]) -> str:
    """Pooled correlation, and mean absolute error where the reference exceeds 0.3."""
    reference, ours = np.concatenate([clip.column for clip in clips]), np.concatenate(guessed)
    creaky = reference > 0.3
    error = np.abs(ours - reference)
    return (
        f"r {np.corrcoef(reference, ours)[0, 1]:.4f}, mean absolute error {error.mean():.4f}, "
        f"on the {creaky.sum()} frames above 0.3 {error[creaky].mean():.4f}"
    )


def _has_silence(samples: NDArray[np.float32]) -> bool:
    zeros = np.concatenate([[0], (samples == 0).astype(int), [0]])
    edges = np.flatnonzero(np.diff(zeros))
    return bool(((edges[1::2] - edges[::2]) >= SILENT).any())


if __name__ == "__main__":
    main()
