"""Utterances with words to the frames of one modality."""

import sys
from pathlib import Path

from mmfeat import console, manifest, registry, steps
from mmfeat.clip_cache import ClipCache
from pipelines import ledger, params


def main(name: str, modality: str) -> None:
    """Write the frames of a corpus, and the ledger."""
    settings = params.read()
    extract, run = settings["extract"], settings["run"]
    plugin = params.extractor(settings, modality)
    own = dict(extract["settings"].get(plugin) or {})
    if plugin == "glove":
        own["path"] = params.corpus(settings, name)["glove"]
    note = getattr(registry.module("mmfeat.extractors", plugin).Config, "note", None)
    if note:
        console.note(note)
    choice = steps.ExtractorChoice(plugin, own, extract["settings"]["faces"])
    utterances = [u for u in manifest.read_utterances(Path(f"data/words/{name}.jsonl")) if u.words]
    with console.progress_bars() as progress:
        cache = ClipCache(Path(run["cache"]))
        frames, failures = steps.extract_frames(
            utterances, choice, choice.build(), cache, workers=run["workers"], progress=progress
        )
    ledger.write(name, modality, failures)
    steps.store_frames(frames, utterances, Path(f"data/frames/{name}/{plugin}.h5"))
    steps.require_few_failures(failures, len(utterances), extract["max_failed"])


if __name__ == "__main__":
    console.run(lambda: main(*sys.argv[1:]))
