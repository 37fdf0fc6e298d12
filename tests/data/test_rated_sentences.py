"""The published ratings: parsed whole, joined by id, refused when malformed."""

from __future__ import annotations

import pytest

from lossbench.data.rated_sentences import FILES, SCALE, _read_file, parse, read_rated
from lossbench.data.words import spoken
from lossbench.errors import InputError

PUBLISHED = {"movies": 10_605, "tweets": 4_200, "products": 3_708, "editorials": 5_190}


@pytest.mark.parametrize("source", PUBLISHED)
def test_every_published_sentence_is_read(source: str) -> None:
    """Also the last line, which has no newline, and the first, before which a byte order mark may stand."""
    rated = _read_file(FILES[source])
    assert len(rated) == PUBLISHED[source]
    assert min(sum(one.counts) for one in rated) >= 15
    assert all(one.text.strip() and len(one.counts) == len(SCALE) for one in rated)


def test_known_sentences_have_their_ratings() -> None:
    first = _read_file(FILES["products"])[0]
    assert first.text.startswith("troubleshooting ad-2500")
    assert first.counts == (0, 0, 5, 8, 7, 0, 0, 0, 0)
    assert first.mean == pytest.approx(-0.9)
    movie = _read_file(FILES["movies"])[0]
    assert movie.text.startswith("The Rock is destined")
    assert movie.mean == pytest.approx(34 / 15)


def test_each_wording_is_kept_once() -> None:
    rated = read_rated("all")
    assert len({spoken(one.text) for one in rated}) == len(rated)
    every = [one for stem in FILES.values() for one in _read_file(stem)]
    assert len(every) == sum(PUBLISHED.values())
    assert {spoken(one.text) for one in every} == {spoken(one.text) for one in rated}


def test_lines_are_joined_by_id_not_by_order() -> None:
    rated = parse(
        b"1\t0\tgood\r\n2\t0\tbad &amp; worse", "\ufeff2\t-1\t0\t[-1, -1]\n1\t3\t1\t[4, 2]".encode(), "toy"
    )
    assert [(one.text, one.mean) for one in rated] == [("good", 3.0), ("bad & worse", -1.0)]
    assert rated[0].counts == (0, 0, 0, 0, 0, 0, 1, 0, 1)


def test_ratings_that_cancel_out_have_a_mean_of_exactly_zero() -> None:
    (one,) = parse(b"1\t0\tfair", b"1\t0\t1\t[-3, 1, 2, -4, 4, 3, -3]", "toy")
    assert one.mean == 0.0


@pytest.mark.parametrize(
    ("sentences", "ratings", "words"),
    [
        ("1\t0\tgood", "1\t0\t0\t[5]", "toy, 1 has ratings that are not whole numbers from -4 to 4"),
        ("1\t0\tgood", "1\t0\t0\t[NaN]", "not whole numbers"),
        ("1\t0\tgood", "1\t0\t0\t[1.5]", "not whole numbers"),
        ("1\t0\tgood", "1\t0\t0\t[true]", "not whole numbers"),
        ("1\t0\tgood", "1\t0\t0\t[]", "not whole numbers"),
        ("1\t0\tgood", "1\t0\t0\t3", "not whole numbers"),
        ("1\t0\tgood", "1\t0\t0\t[1, 2", "not whole numbers"),
        ("1\t0\tgood", "1\t0\t0", "A line of toy has 3 of 4 columns"),
        ("1\t0", "1\t0\t0\t[1]", "A line of toy has 2 of 3 columns"),
        ("1\t0\t ", "1\t0\t0\t[1]", "Sentence 1 of toy has no text"),
        ("2\t0\tgood", "1\t0\t0\t[1]", "Sentence 2 of toy has no rating"),
    ],
)
def test_a_malformed_line_is_refused(sentences: str, ratings: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse(sentences.encode(), ratings.encode(), "toy")
    assert "fetched again" in str(caught.value)
