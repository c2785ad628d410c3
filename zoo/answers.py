"""A network's answers for every utterance of a view, in the order of its part."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mmfeat.types import FloatArray
from zoo.data import Loader, View


def respond(network: nn.Module, seen: View, device: torch.device, batch_size: int) -> tuple[FloatArray, FloatArray]:
    """Ask a network, as it is: the caller has put it into evaluation mode.

    Returns
    -------
    FloatArray, shape (N, outputs)
        Scores or logits.
    FloatArray, shape (N, D)
        Representations before the head.
    """
    count = len(seen.items.part.rows.ids)
    tables: dict[str, FloatArray] = {}
    with torch.inference_mode():
        for batch in Loader(seen, batch_size).in_order():
            output = network(batch.to(device))
            numbers = batch.numbers.cpu().flatten()
            real = numbers >= 0
            for name, values in (("answers", output.logits), ("features", output.features)):
                flat = values.float().cpu().flatten(0, -2)[real].numpy()
                table = tables.setdefault(name, np.zeros((count, flat.shape[1]), dtype=np.float32))
                table[numbers[real].numpy()] = flat
    return tables["answers"], tables["features"]
