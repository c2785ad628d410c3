"""The artefact to one stage of a trained model: its teacher, or its student."""

import sys

from mmfeat import console
from pipelines import trainings
from zoo.train import bars, train


def main(name: str, stage: str) -> None:
    """Train one stage for one corpus; an interrupted one goes on."""
    run = trainings.read(name)
    trainings.keep_only_what_goes_on(name, run, stage)
    with bars() as listener:
        train(run, stage=stage, listener=listener)


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
