"""AUMDF: distilling a teacher on complete data into a student whose modalities and words may be missing.

Source: Wang, Wang and Ouyang, Chinese Journal of Computers 2025, doi 10.11897/SP.J.1016.2025.01923; its sections and
equations are cited where they are built. The paper comes without code, so nothing here could be compared with the
authors' own. `Config` lists what it leaves open and what is invented; the settings that it does give are in
``zoo/configs/aumdf-paper.yaml``.
"""

from __future__ import annotations

from torch import nn

from zoo.models.aumdf.config import Config
from zoo.models.aumdf.network import AUMDF
from zoo.models.aumdf.objectives import StudentObjective, TeacherObjective
from zoo.types import Inputs, Level, Missing, Stage, Task, Training

LEVEL: Level = "words"
STAGES = (Stage("teacher", complete=True), Stage("student"))
TRAINING = Training(epochs=(12, 20), batch_size=32, learning_rate=2e-3, decay="cosine")
MISSING = Missing()  # mixed: words of one half of the utterances, modalities of the other


def build(config: Config, inputs: Inputs) -> AUMDF:
    """Make the network of either stage."""
    return AUMDF(config, inputs)


def objective(stage: str, model: nn.Module, config: Config, task: Task, teacher: nn.Module | None) -> nn.Module:
    """Make the objective of a stage: the student's if there is a ``teacher`` to learn from, else the teacher's."""
    if stage == "teacher":
        return TeacherObjective(model, config, task)
    if teacher is None:
        raise ValueError(f"stage {stage!r} without a teacher; expected the frozen network of the stage before")
    return StudentObjective(model, config, task, teacher)


__all__ = ["LEVEL", "STAGES", "TRAINING", "Config", "build", "objective"]
