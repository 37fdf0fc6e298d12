"""Sentences with human ratings of their sentiment, as the VADER authors published them."""

from __future__ import annotations

import html
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from lossbench.data.archive import Archive, fetch
from lossbench.data.words import spoken
from lossbench.errors import InputError

VADER = Archive(
    project="vaderSentiment",
    version="3.3.2",
    file="vaderSentiment-3.3.2.tar.gz",
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    is_source=True,
)
SCALE = tuple(range(-4, 5))  # what one person could answer
FILES = {
    "movies": "movieReviewSnippets",
    "tweets": "tweets",
    "products": "amazonReviewSnippets",
    "editorials": "nytEditorialSnippets",
}


@dataclass(frozen=True)
class Rated:
    """One sentence, and how many people gave each answer of `SCALE`."""

    text: str
    counts: tuple[int, ...]

    @property
    def mean(self) -> float:
        """The mean rating, in [-4, 4]; exactly 0 where the ratings cancel out."""
        return sum(n * rating for n, rating in zip(self.counts, SCALE, strict=True)) / sum(self.counts)


@cache
def read_rated(source: str) -> tuple[Rated, ...]:
    """The sentences of one of `FILES`, or of `all` of them, each wording once.

    Of sentences that differ in case and punctuation alone the first is kept (one in a hundred goes): the same
    words in training and test would give the answer away.

    Raises:
        InputError: the archive cannot be had.
    """
    rated = [one for name in FILES if source in (name, "all") for one in _read_file(FILES[name])]
    first: dict[str, Rated] = {}
    for one in rated:
        first.setdefault(spoken(one.text), one)
    return tuple(first.values())


@cache
def _read_file(stem: str) -> tuple[Rated, ...]:
    with tarfile.open(fetch(VADER)) as outer:
        member = outer.extractfile("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz")
        assert member is not None  # the sha256 vouches for the contents
        with tarfile.open(fileobj=io.BytesIO(member.read())) as inner:
            sentences, ratings = (
                inner.extractfile(f"hutto_ICWSM_2014/{stem}_{what}.txt")
                for what in ("GroundTruth", "anonDataRatings")
            )
            assert sentences is not None
            assert ratings is not None
            return tuple(parse(sentences.read(), ratings.read(), stem))


def parse(sentences: bytes, ratings: bytes, stem: str) -> list[Rated]:
    """Join sentences and ratings by their id; their order differs in one of the four sources.

    The published mean of a sentence is not read. It is that of the single ratings, up to rounding, but
    for 199 tweets that the authors varied by hand, where the two differ by up to 1.1: computed from the
    single ratings, the mean and the histogram tell of the same people everywhere.

    Args:
        sentences: lines of id, mean, text.
        ratings: lines of id, mean, standard deviation, list of single ratings.
        stem: names the source in errors. Both are tab-separated UTF-8 without a header, with or without a
            byte order mark and a newline at the end.

    Raises:
        InputError: a line is malformed, a rating is off the scale, or a sentence has no rating or no text.
    """
    counts = {name: _count(fields[2], f"{stem}, {name}") for name, *fields in _rows(ratings, 4, stem)}
    rated = []
    for name, _, text in _rows(sentences, 3, stem):
        if name not in counts or not text.strip():
            raise InputError(
                f"Sentence {name} of {stem} has no {'text' if name in counts else 'rating'}: {_REMEDY}"
            )
        rated.append(Rated(html.unescape(text.strip()), counts[name]))
    return rated


_REMEDY = f"delete {VADER.file} from the data cache, so that it is fetched again."


def _rows(data: bytes, columns: int, stem: str) -> Iterator[list[str]]:
    for line in data.decode("utf-8-sig").split("\n"):
        if line.strip():
            fields = line.rstrip("\r").split("\t", columns - 1)
            if len(fields) != columns:
                raise InputError(f"A line of {stem} has {len(fields)} of {columns} columns: {_REMEDY}")
            yield fields


def _count(text: str, where: str) -> tuple[int, ...]:
    try:
        ratings = json.loads(text)
        if ratings and all(type(rating) is int and rating in SCALE for rating in ratings):
            return tuple(map(ratings.count, SCALE))
    except (ValueError, TypeError):
        pass
    raise InputError(f"{where} has ratings that are not whole numbers from -4 to 4 ({text[:40]}): {_REMEDY}")
