"""What was measured at an export, as text."""

from __future__ import annotations

from zoo.export.folder import Exported
from zoo.export.quantising import Loss


def summary_text(exported: Exported) -> str:
    """Differences per length, sizes and, in 8 bits, what is lost."""
    lines = [f"{'length':>6}  {'logits':>8}  {'relative':>8}  {'weights':>8}   greatest difference from the network"]
    for entry in exported.differences:
        weights = "-" if entry.weights is None else f"{entry.weights:.1e}"
        lines.append(f"{entry.length:>6}  {entry.logits:>8.1e}  {entry.relative:>8.1e}  {weights:>8}")
    lines.append("sizes: " + ", ".join(f"{name} {size:,} bytes" for name, size in exported.sizes.items()))
    return "\n".join(lines + ([] if exported.loss is None else _loss_lines(exported.loss)))


def _loss_lines(loss: Loss) -> list[str]:
    lines = [f"int8 on the {loss.utterances} utterances of the validation part of {loss.artefact}:"]
    for condition, scores in loss.scores.items():
        lines.append(f"{condition:<16}  {'float32':>8}  {'int8':>8}  {'change':>8}")
        for name, value in scores["float32"].items():
            if name in scores["int8"]:
                rough = scores["int8"][name]
                lines.append(f"  {name:<14}  {value:>8.4f}  {rough:>8.4f}  {rough - value:>+8.4f}")
    return [
        *lines,
        f"greatest difference of an answer from the network's {loss.answers:.4f}, and from the same item's answer when "
        f"it is asked for alone {loss.alone:.4f}",
    ]
