"""Utterances to utterances with word times."""

import sys
from pathlib import Path

from mmfeat import console, manifest, steps
from mmfeat.clip_cache import ClipCache
from pipelines import ledger, params


def main(name: str) -> None:
    """Write the manifest with words, and the ledger."""
    settings = params.read()
    words, run = settings["words"], settings["run"]
    plan = steps.WordsPlan(**{key: value for key, value in words.items() if key != "max_failed"})
    utterances = manifest.read_utterances(Path(f"data/utterances/{name}.jsonl"))
    with console.progress_bars() as progress:
        cache = ClipCache(Path(run["cache"]))
        placed, failures = steps.place_words(utterances, plan, cache, workers=run["workers"], progress=progress)
    ledger.write(name, "words", failures)
    manifest.write_utterances(placed, Path(f"data/words/{name}.jsonl"))
    steps.require_few_failures(failures, len(utterances), words["max_failed"])


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
