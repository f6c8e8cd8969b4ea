"""Texts as numbers: tokens, and a vocabulary of the most frequent ones in the train split.

Number 0 pads short texts. Number 1 stands for every token that is not in the vocabulary.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2
# Runs of letters and digits, with apostrophes inside; every other sign is a token of its own.
_WORDS = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


def tokens_of(text: str, settings: Mapping) -> list[str]:
    """The tokens of one text, in lower case.

    Parameters
    ----------
    settings
        ``tokens`` is ``words`` (with each sign apart), ``whitespace``, or ``characters``: all runs
        of ``ngram`` characters, including blanks.
    """
    small = text.lower()
    if settings["tokens"] == "words":
        return _WORDS.findall(small)
    if settings["tokens"] == "whitespace":
        return small.split()
    joined, size = " ".join(small.split()), settings["ngram"]
    return [joined[i : i + size] for i in range(max(1, len(joined) - size + 1))] if joined else []


def encoded(
    texts: Iterable[str], settings: Mapping, number: Mapping[str, int], count: int
) -> np.ndarray:
    """Numbers of the first ``length`` tokens of each text, int32 of shape (count, length)."""
    whole = np.full((count, settings["length"]), PADDING, np.int32)
    for row, text in zip(whole, texts, strict=True):
        found = tokens_of(text, settings)[: settings["length"]]
        row[: len(found)] = [number.get(token, UNKNOWN) for token in found]
    return whole


def numbers_of(words: Sequence[str]) -> dict[str, int]:
    """Number of each word of a vocabulary."""
    return {word: i + FIRST_WORD for i, word in enumerate(words)}


def frequent(features: np.ndarray, size: int) -> np.ndarray:
    """The ``size`` most frequent numbers in ``features`` from FIRST_WORD on, most frequent first.

    ``features`` belong to the train split. Their numbers refer to all tokens of the data set.
    """
    counts = np.bincount(features.reshape(-1), minlength=FIRST_WORD)
    counts[:FIRST_WORD] = 0
    order = np.argsort(-counts, kind="stable")[:size]
    return order[counts[order] > 0].astype(np.int32)


def renumbered(features: np.ndarray, vocabulary: np.ndarray, tokens: int) -> np.ndarray:
    """``features`` with numbers of the vocabulary; other tokens become UNKNOWN.

    Parameters
    ----------
    vocabulary
        See :func:`frequent`.
    tokens
        Number of all tokens of the data set.
    """
    table = np.full(tokens + FIRST_WORD, UNKNOWN, np.int32)
    table[PADDING] = PADDING
    table[vocabulary] = np.arange(len(vocabulary)) + FIRST_WORD
    return table[features]
