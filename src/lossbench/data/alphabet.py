"""Texts as the ids of what a training text knows, and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

WORD = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]|\n")
FIRST = 2  # 0 is no token, 1 is any that is not known
_UNKNOWN = "\ufffd"
_CLOSE = re.compile(r" (?=[,.;:!?)\]}'\u2019\n])|(?<=[(\[{\n]) ")  # blanks that nobody writes


@dataclass(frozen=True)
class Alphabet:
    """The tokens that are known, in the order of their ids from 2 on.

    kind: characters or words.
    """

    kind: str
    tokens: tuple[str, ...]

    def ids(self, text: str) -> list[int]:
        """Of each token of a text; 1 where it is not known."""
        found = list(text) if self.kind == "characters" else WORD.findall(text)
        known = {token: number for number, token in enumerate(self.tokens, start=FIRST)}
        return [known.get(token, 1) for token in found]

    def text(self, ids: Sequence[int]) -> str:
        """Of ids, without those of no token; between words stand blanks where people write some."""
        said = [_UNKNOWN if number < FIRST else self.tokens[number - FIRST] for number in ids if number > 0]
        return "".join(said) if self.kind == "characters" else _CLOSE.sub("", " ".join(said))
