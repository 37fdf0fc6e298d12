from __future__ import annotations

import os

import pytest
import questions

from lossbench.engines.answers import answers
from lossbench.engines.local import Local
from lossbench.errors import InputError


def test_answers_come_in_the_order_of_the_items_and_from_other_processes() -> None:
    assert answers(questions.told_square, [3, 1, 2], Local(2)) == [9, 1, 4]
    asked = answers(questions.process, [0], Local(1))
    assert asked
    assert asked != [os.getpid()]


def test_what_is_logged_there_is_logged_here_as_far_as_it_is_here(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    answers(questions.told_square, [7], Local(1))
    assert caplog.record_tuples == [("lossbench.questions", 20, "asked for 7")]
    caplog.clear()
    caplog.set_level("WARNING", "lossbench.questions")
    answers(questions.told_square, [7], Local(1))
    assert not caplog.records


def test_bad_input_is_told_of_the_first_item_that_has_it() -> None:
    with pytest.raises(InputError) as told:
        answers(questions.small_square, [1, 11, 12], Local(2))
    assert str(told.value) == "11 is too large: give a smaller one."


@pytest.mark.parametrize("fate", ["left", "raised"])
def test_without_an_answer_to_each_item_there_is_none(fate: str) -> None:
    assert answers(questions.fate, ["a", fate], Local(2)) is None
