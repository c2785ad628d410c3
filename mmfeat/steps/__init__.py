"""The drivers: prepare, words, extract, align, mask, exchange. The CLI and the DVC stages call these same functions."""

from mmfeat.steps.align import align, describe
from mmfeat.steps.corpus import about, prepare, require_published_counts
from mmfeat.steps.cutting import Pauses, cut_at_pauses
from mmfeat.steps.features import ExtractorChoice, extract_frames, store_frames
from mmfeat.steps.ledger import require_few_failures
from mmfeat.steps.pipeline import Choices, Extraction, extract, write_report
from mmfeat.steps.single import extract_one, words_of
from mmfeat.steps.words import WordsPlan, place_words

__all__ = [
    "Choices",
    "Extraction",
    "ExtractorChoice",
    "Pauses",
    "WordsPlan",
    "about",
    "align",
    "cut_at_pauses",
    "describe",
    "extract",
    "extract_frames",
    "extract_one",
    "place_words",
    "prepare",
    "require_few_failures",
    "require_published_counts",
    "store_frames",
    "words_of",
    "write_report",
]
