"""Training: `train` a `Run`, all its stages, into checkpoints.

>>> from zoo.train import Run, train
>>> folder = train(Run("aumdf", "iemocap", target="emotion4", seed=1111))       # doctest: +SKIP
"""

from zoo.train.compute import Compute
from zoo.train.progress import Listener, Logged, Silent, bars
from zoo.train.run import CHECKPOINTS, Run, train

__all__ = ["CHECKPOINTS", "Compute", "Listener", "Logged", "Run", "Silent", "bars", "train"]
