"""Plain texts of a user's file or folder, as numbers of their characters or words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data.alphabet import WORD
from lossbench.data.own_file import found
from lossbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.splits import Ids

_SHOWN = 3  # names in a sentence


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts, one after another, each as numbers of its tokens.

    name: of the file or folder.
    fingerprint: sha256 of the names and contents of the files, and of what their tokens are.
    files: their names, from the folder on.
    tokens: each different one, in the order of the alphabet.
    codes: int64 of each file, the places of its tokens among these.
    notes: what may be wrong.
    """

    name: str
    fingerprint: str
    files: tuple[str, ...]
    tokens: tuple[str, ...]
    codes: tuple[Ids, ...]
    notes: tuple[str, ...]


def read(path: str, pattern: str, kind: str) -> Corpus:
    """The texts at a path; read once while they do not change.

    Args:
        pattern: which files of a folder and of those in it, as `*.txt`.
        kind: of tokens, characters or words.

    Raises:
        InputError: there is no text, or a file is none.
    """
    place = found(path, folder=True)
    files = [place]
    if place.is_dir():
        files = sorted(file for file in place.rglob(pattern) if file.is_file())
        if not files:
            raise _nothing(path, place, pattern)
    states = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    return _read(place, states, kind)


def _nothing(path: str, place: Path, pattern: str) -> InputError:
    """Say which files are there instead."""
    others = sorted({file.suffix or file.name for file in place.rglob("*") if file.is_file()})
    if not others:
        return InputError(f"data.path={path} is a folder without files: put plain texts there.")
    known = ", ".join(f"*{name}" if name.startswith(".") else name for name in others[:_SHOWN])
    return InputError(
        f"data.path={path} holds no file {pattern}: say which ones are texts in data.files (there are "
        f"{known})."
    )


@lru_cache(maxsize=2)
def _read(place: Path, states: tuple[tuple[Path, int, int], ...], kind: str) -> Corpus:
    import numpy as np

    digest = hashlib.sha256(kind.encode())
    names: list[str] = []
    texts: list[str] = []
    empty: list[str] = []
    for file, _, _ in states:
        name = file.relative_to(place).as_posix() if file != place else file.name
        content = file.read_bytes()
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
        text = _decoded(content, name)
        (names if text.strip() else empty).append(name)
        texts += [text] if text.strip() else []
    if not texts:
        raise InputError(f"{place.name} holds no text: its {counted(len(empty), 'file')} hold blanks alone.")
    tokens, codes = _characters(texts) if kind == "characters" else _words(texts)
    ends = np.cumsum([len(own) for own in codes])[:-1]
    numbers, places = np.unique(np.concatenate(codes), return_inverse=True)
    return Corpus(
        name=place.name,
        fingerprint=digest.hexdigest(),
        files=tuple(names),
        tokens=tuple(tokens[number] for number in numbers.tolist()) if tokens else _letters(numbers),
        codes=tuple(np.split(places.astype(np.int64), ends)),
        notes=tuple(_notes(names, texts, empty)),
    )


def _decoded(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is no text in UTF-8 ({error.reason}, byte {error.start}): save it as UTF-8, or leave it "
            "out with data.files."
        ) from error
    if "\0" in text:
        raise InputError(f"{name} is no text, it holds the character 0: leave it out with data.files.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _characters(texts: list[str]) -> tuple[list[str], list[npt.NDArray[np.uint32]]]:
    import numpy as np

    return [], [np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32) for text in texts]


def _letters(numbers: npt.NDArray[np.uint32]) -> tuple[str, ...]:
    return tuple(map(chr, numbers.tolist()))


def _words(texts: list[str]) -> tuple[list[str], list[npt.NDArray[np.uint32]]]:
    """Words, punctuation and ends of lines; of a corpus without any, what is left is no text."""
    import numpy as np

    parted = [WORD.findall(text) for text in texts]
    known = sorted({word for words in parted for word in words})
    place = {word: number for number, word in enumerate(known)}
    return known, [np.array([place[word] for word in words], dtype=np.uint32) for words in parted]


def _notes(names: list[str], texts: list[str], empty: list[str]) -> list[str]:
    notes = []
    if empty:
        more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
        notes.append(
            f"{empty[0]}{more} hold no text and are left out" if more else f"{empty[0]} holds no text"
        )
    first: dict[str, str] = {}
    twice = [
        (name, first[text])
        for name, text in zip(names, texts, strict=True)
        if first.setdefault(text, name) != name
    ]
    if twice:
        alike = " and ".join(twice[0])
        notes.append(
            f"{counted(len(twice), 'file')} with the text of another, such as {alike}, so some may be in "
            "training and in the test: remove them"
        )
    return notes
