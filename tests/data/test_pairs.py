"""A user's own pairs of texts: a score, a label or nothing, and texts that are equal."""

from __future__ import annotations

from dataclasses import astuple
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lossbench.data.contract import check_data
from lossbench.data.conventions import Convention
from lossbench.data.own_file import own_file
from lossbench.data.pairs import Pairs
from lossbench.data.source import DataSet
from lossbench.errors import InputError

COUNT = 120
WORDS = ["the", "king", "rides", "out", "at", "dawn", "and", "nobody", "knows", "where", "he", "may", "stay"]


def rows() -> pd.DataFrame:
    draw = np.random.default_rng(2)
    said = [" ".join(draw.choice(WORDS, 6, replace=False)) + f" {place}" for place in range(COUNT)]
    kept = draw.random(COUNT)
    other = [
        " ".join(w for w in text.split() if draw.random() < k) + f" so {n}"
        for n, (text, k) in enumerate(zip(said, kept, strict=True))
    ]
    return pd.DataFrame(
        {
            "one": said,
            "other": other,
            "score": kept.round(3),
            "same": np.where(kept > 0.5, "yes", "no"),
            "kind": np.array(["a", "b", "c"])[np.arange(COUNT) % 3],
            "book": np.arange(COUNT) // 10,
        }
    )


def source(folder: Path, table: pd.DataFrame, **knobs: Any) -> Pairs:
    table.to_csv(folder / "pairs.csv", index=False)
    named = {"path": str(folder / "pairs.csv"), "left": "one", "right": "other", "min_count": 1}
    return Pairs(name="pairs", **{**named, **knobs})


def loaded(own: Pairs, reads: str = "token_pair", seed: int = 0) -> DataSet:
    return check_data(own, own.load(seed, reads))


OFFERED = {
    "score": ("continuous", 1, "mae"),
    "same": ("binary", 2, "accuracy"),
    "kind": ("multiclass", 3, "accuracy"),
    None: ("pair", COUNT, "pair_mrr"),
}


@pytest.mark.parametrize("target", OFFERED)
@pytest.mark.parametrize("reads", ["token_pair", "tfidf_pair"])
def test_what_is_said_of_a_pair_is_the_target_and_decides_what_judges(
    tmp_path: Path, target: str | None, reads: str
) -> None:
    table = rows()
    own = source(tmp_path, table, target=target)
    offered, *others = own.targets()
    assert [other.kind for other in others] == (["score"] if target == "score" else [])
    assert (offered.kind, offered.size, own.select) == OFFERED[target]
    assert own.select in own.described
    data = loaded(own, reads)
    assert set(data.inputs) == set(data.description.inputs.parts) == {"left", "right"}
    assert {part.kind for part in data.description.inputs.parts.values()} == {
        reads.removesuffix("_pair").replace("token", "tokens")
    }
    for part in (data.train, data.val, data.test):
        values, wanted = part.targets[offered.kind].numpy(), table.iloc[part.rows.numpy()]
        if target == "score":
            np.testing.assert_array_equal(values, wanted["score"])
        elif target is not None:
            assert [offered.names[value] for value in values] == wanted[target].tolist()


def test_both_texts_have_one_vocabulary_of_training_text(tmp_path: Path) -> None:
    table = rows()
    data = loaded(source(tmp_path, table, target="score", length=12))
    left, right = data.inputs["left"], data.inputs["right"]
    pair = next(row for row, text in enumerate(table["other"]) if len(text.split()) > 5)
    ids = {word: int(left[pair, place]) for place, word in enumerate(table["one"][pair].split()[:-1])}
    told = table["other"][pair].split()[:-2]
    assert [int(right[pair, place]) for place in range(len(told))] == [ids[word] for word in told]
    # The numbers at the ends are words that training does not know, where they are those of the test.
    test = int(data.test.rows[0])
    assert int(left[test, 6]) == 1 or str(test) in " ".join(table.drop(index=test)["one"])


def test_a_group_stays_in_one_part(tmp_path: Path) -> None:
    own = source(tmp_path, rows(), group="book")
    data = loaded(own)
    books = [set((part.rows // 10).tolist()) for part in (data.train, data.val, data.test)]
    assert sum(map(len, books)) == 12
    assert own.part_sizes(0) == tuple(data.description.sizes.values())
    assert "group: book (12)" in "\n".join(own.account())


def test_pairs_that_share_a_text_are_one_identity_told_and_kept_together_on_demand(tmp_path: Path) -> None:
    table = rows()
    table.loc[1, "other"] = f"  {table.loc[0, 'other'].upper()}!"
    table.loc[2, "one"] = table.loc[1, "one"]
    table.loc[3, ["one", "other"]] = table.loc[4, ["one", "other"]]
    own = source(tmp_path, table)
    (target,) = own.targets()
    assert target.size == COUNT - 3
    told = "\n".join(own.account())
    assert "5 of 120 pairs share a text with another, so a text of the test may be in training" in told
    assert "2 of 120 rows occur several times" in told
    number = own.pairs().by_kind["pair"]
    assert number[0] == number[1] == number[2] != number[3] == number[4]
    together = source(tmp_path, table, repeats="together")
    assert "share a text" not in "\n".join(together.account())
    for seed in range(4):
        for part in together.split(seed).values():
            mine = set(part.tolist())
            assert {0, 1, 2} <= mine or not {0, 1, 2} & mine


def test_a_column_of_hard_texts_is_numbered_as_the_pairs_that_have_them(tmp_path: Path) -> None:
    table = rows()
    table["wrong"] = table["other"].shift(-1).fillna("")
    table.loc[0, "wrong"] = table.loc[0, "other"].upper()  # right by chance, which its number says
    table.loc[1, "wrong"] = table.loc[2, "wrong"] = "nobody says this"
    own = source(tmp_path, table, negative="wrong")
    data = loaded(own)
    assert [(target.kind, target.shape) for target in own.targets()] == [("hard_pair", (2,)), ("pair", ())]
    assert "negative: wrong, in 119 rows" in "\n".join(own.account())
    number, hard = own.pairs().by_kind["pair"], own.hard_texts(0)
    assert hard is not None
    assert hard.numbers[0] == number[0]
    assert hard.numbers[1] == hard.numbers[2] == COUNT
    assert hard.numbers[3:-1, 0].tolist() == number[4:].tolist()
    assert hard.numbers[-1] == -1
    assert torch.equal(data.inputs["other"][5, 0], data.inputs["right"][6])
    assert torch.equal(data.inputs["other"][-1, 0], data.inputs["right"][-1])  # masked, and never empty
    assert data.inputs["other"].shape == (COUNT, 1, 64)
    assert loaded(own, "tfidf_pair").inputs["other"].shape[:2] == (COUNT, 1)


def test_without_such_a_column_a_run_is_what_it_was(tmp_path: Path) -> None:
    own = source(tmp_path, rows())
    assert "negative" not in own.values()
    options = ("one", "other", None, None, "auto", Convention("point", "none"), False)
    digest = own_file(str(own.path), "comma").digest
    assert (
        own.fingerprint(0)
        == sha256(f"{digest} {(*options[:5], astuple(options[5]), False)}".encode()).hexdigest()
    )


def test_hard_texts_that_cannot_be_are_refused(tmp_path: Path) -> None:
    table = rows().assign(wrong="")
    with pytest.raises(InputError, match=r"negative text wrong of pairs\.csv is empty in every row"):
        source(tmp_path, table, negative="wrong").pairs()
    with pytest.raises(InputError, match=r"data\.negative=other stands beside pairs that belong together"):
        source(tmp_path, table, negative="other", target="score")


def test_a_seed_decides_and_its_inputs_are_held_once(tmp_path: Path) -> None:
    own = source(tmp_path, rows(), target="same")
    one, same, other = (loaded(own, seed=seed) for seed in (0, 0, 1))
    assert one.inputs is same.inputs
    assert torch.equal(one.test.rows, same.test.rows)
    assert not torch.equal(one.test.rows, other.test.rows)
    share = one.train.targets["binary"].double().mean() - own.pairs().by_kind["binary"].mean()
    assert abs(share) < 0.02  # of each class alike


def text(**cells: str) -> str:
    table = rows().astype(str)
    for place, value in cells.items():
        name, _, row = place.rpartition("_")
        table.loc[int(row) - 1, name] = value
    return table.to_csv(index=False)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (text(), {"left": "first"}, "data.left=first is no column of pairs.csv"),
    (text(), {"right": "one"}, "data.right=one is named twice, in data.left first"),
    (
        text(one_3=""),
        {},
        "The left text one of pairs.csv is missing in row 3 below the names; remove such rows",
    ),
    (text(other_3=""), {}, "The right text other of pairs.csv is missing in row 3"),
    (
        text(score_3=""),
        {"target": "score", "task": "number"},
        "The target score of pairs.csv is missing in row 3",
    ),
    (
        text(score_3="x"),
        {"target": "score", "task": "number"},
        "The target score of pairs.csv has 'x' in row 3",
    ),
    (text(same_3=""), {"target": "same"}, "The target same of pairs.csv is missing in row 3"),
    (text(same_3="maybe"), {"target": "same"}, "has the class 'maybe' in 1 row alone"),
    (text(), {"target": "score", "task": "class"}, "which looks like an id or a text of its own in each row"),
    (text(book_3=""), {"group": "book"}, "The group book of pairs.csv is missing in row 3"),
    ("\n".join(text().splitlines()[:20]), {}, "has 19 rows, too few to compare losses on: at least 50 pairs"),
    (
        "one,other\n" + "a,b\n" * 60,
        {},
        "All pairs of pairs.csv share a text, alone or by others: name a data.",
    ),
    ("", {}, "is empty: it needs a line of column names"),
    (text(), {"left": None}, "data=pairs needs your file and its two columns of text"),
    (text(), {"path": "nowhere.csv"}, "data.path=nowhere.csv does not exist"),
    (text(), {"group": "book", "repeats": "together"}, "makes groups of its own"),
    (text(), {"task": "score"}, "data.task=score is not allowed"),
    (text(), {"val_share": 0.5, "test_share": 0.5}, "together they must stay below 1"),
    (text(), {"test_share": 0.02}, "2 for the test, at least 5 each are needed"),
    (text(), {"min_count": 10000}, "data.min_count=10000 leaves no word of the training text"),
]


@pytest.mark.parametrize(("content", "knobs", "words"), REFUSED, ids=lambda value: str(value)[-40:])
def test_pairs_that_cannot_be_used_are_refused(
    tmp_path: Path, content: str, knobs: dict[str, Any], words: str
) -> None:
    (tmp_path / "pairs.csv").write_text(content)
    named = {"path": str(tmp_path / "pairs.csv"), "left": "one", "right": "other"}
    with pytest.raises(InputError) as caught:
        Pairs(name="pairs", **{**named, **knobs}).load(0, "token_pair")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
