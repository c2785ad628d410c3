"""From an artefact to batches.

`open_corpus` opens one split of an artefact; `group_items` groups a part of it for a model, utterances of words or
dialogues of utterances; `Loader` makes batches of them under a mask. The test part is read when it is asked for.
"""

from zoo.data.corpus import Corpus, Part, describe_features, find_artefact, open_corpus, read_all
from zoo.data.items import Items, View, group_items, view
from zoo.data.loading import Loader
from zoo.data.masking import draw_for, kept_from
from zoo.data.normalisation import Normalisation, fit_normalisation

__all__ = [
    "Corpus",
    "Items",
    "Loader",
    "Normalisation",
    "Part",
    "View",
    "describe_features",
    "draw_for",
    "find_artefact",
    "fit_normalisation",
    "group_items",
    "kept_from",
    "open_corpus",
    "read_all",
    "view",
]
