"""Words and frames to the word-aligned artefact."""

import json
import sys
from pathlib import Path

from mmfeat import console, manifest, steps
from mmfeat.frame_store import FrameReader
from mmfeat.types import MODALITIES
from pipelines import ledger, params


def main(name: str) -> None:
    """Write the artefact, the ledger of all stages, and the counts."""
    settings = params.read()
    words, extract, rule = settings["words"], settings["extract"], settings["align"]["rule"]
    utterances = manifest.read_utterances(Path(f"data/words/{name}.jsonl"))
    about = json.loads(Path(f"data/utterances/{name}.about.json").read_text())
    frames = {modality: FrameReader(Path(f"data/frames/{name}/{extract[modality]}.h5")) for modality in MODALITIES}
    words_from = {"aligner": words["aligner"], "transcriber": words["transcriber"]}
    description = steps.describe(name, frames, rule=rule, words_from=words_from, **about)
    with console.progress_bars() as progress:
        steps.align(utterances, frames, description, Path(f"data/aligned/{name}.h5"), rule=rule, progress=progress)
    stages = ("prepare", "words", *MODALITIES)
    failures = [row for stage in stages for row in ledger.read(name, stage)]
    manifest.write_failures(failures, Path(f"data/aligned/{name}.ledger.jsonl"))
    steps.write_report(Path(f"data/aligned/{name}.h5"), failures, Path(f"data/metrics/{name}.json"))


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
