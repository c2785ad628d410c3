"""Written English to spoken English, token by token.

Every whitespace token of a transcript keeps its spelling and gets the ways in which a speaker may say it: ``1995`` is
``nineteen ninety five`` or ``one thousand nine hundred ninety five``. The aligner lets the sound choose between them.
Stage directions in square or angle brackets are not spoken, and punctuation alone says nothing.
"""

from mmfeat.text_normalisation.numbers import Reading
from mmfeat.text_normalisation.tokens import MAX_READINGS, SpokenToken, spoken_tokens

__all__ = ["MAX_READINGS", "Reading", "SpokenToken", "spoken_tokens"]
