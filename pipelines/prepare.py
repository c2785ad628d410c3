"""Raw folder of a corpus to a manifest of utterances."""

import json
import sys
from pathlib import Path

from mmfeat import console, manifest, steps
from mmfeat.safe_write import replacing
from pipelines import ledger, params


def main(name: str) -> None:
    """Write the manifest, the ledger, and what the corpus says of itself."""
    settings = params.read()
    corpus = params.corpus(settings, name)
    own = {key: value for key, value in corpus.items() if key not in ("adapter", "glove", "complete")}
    dataset, utterances, failures = steps.prepare(name, corpus["adapter"], own)
    ledger.write(name, "prepare", failures)
    if not dataset.expected:
        steps.require_few_failures(failures, len(utterances) + len(failures), settings["prepare"]["max_failed"])
    elif corpus.get("complete", True):  # a release is judged by its counts: its ledger also holds what was mended
        steps.require_published_counts(name, dataset, utterances, ledger.path(name, "prepare"))
    manifest.write_utterances(utterances, Path(f"data/utterances/{name}.jsonl"))
    with replacing(Path(f"data/utterances/{name}.about.json")) as beside:
        beside.write_text(json.dumps(steps.about(dataset), indent=2) + "\n")


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
