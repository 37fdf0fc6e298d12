"""An experiment's name is a folder and a word on the command line."""

from __future__ import annotations

import pytest

from lossbench.errors import InputError
from lossbench.naming import checked_name, is_file_name, spoken


@pytest.mark.parametrize("value", [2024, "007", "true", "null", "run: 2", "try #2", "größe", ".x", "x" * 255])
def test_a_name_of_one_folder_is_taken_as_it_is(value: object) -> None:
    assert checked_name(value) == str(value)
    assert is_file_name(str(value))


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", True, 1e3, [], "a/b", "a\\b", ".", "..", "/abs", "a\nb", "ä" * 128, "anatomy"],
)
def test_another_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^experiment\.name"):
        checked_name(value)


def test_quotes_around_a_name_are_not_part_of_it() -> None:
    assert spoken("'try #2'") == spoken('"try #2"') == spoken("try #2") == "try #2"
    assert spoken("'") == "'"
    assert spoken("it's") == "it's"
