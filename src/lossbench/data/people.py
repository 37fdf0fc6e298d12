"""People who are dealt to the parts of a data set: those of validation and test are strangers to training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data.source import SPLITS, Split
from lossbench.errors import InputError
from lossbench.seeds import torch_generator

if TYPE_CHECKING:
    from lossbench.data.splits import Ids

FEWEST = 2  # people of a part: a pair of two of them is needed


@dataclass(frozen=True, eq=False)
class Dealt:
    """P people with one seed.

    people: of each part, in the order in which they were dealt.
    numbers: (P,) int64 of each person: in training 0, 1, ..., then those of validation, test, and no part.
    """

    people: Mapping[Split, Ids]
    numbers: Ids


def dealt(people: int, sizes: Sequence[int], seed: int, test: Ids | None = None) -> Dealt:
    """Deal people to training, validation and test at random.

    Args:
        people: how many there are.
        sizes: how many train, validate and, where `test` is not given, test; together at most all.
        test: those who test, where they are given; the others are dealt to training and validation.
    """
    import numpy as np
    import torch

    order = torch.randperm(people, generator=torch_generator(seed, "split")).numpy()
    if test is not None:
        given = np.isin(order, test)
        order = np.concatenate([order[~given], order[given]])
        sizes = [*sizes, int(given.sum())]
    ends = np.cumsum([0, *sizes])
    people_of = {part: order[ends[n] : ends[n + 1]] for n, part in enumerate(SPLITS)}
    return Dealt(people_of, order.argsort())


def sizes_of(people: int, shares: Sequence[float], owner: str) -> tuple[int, ...]:
    """How many of the people train, and how many are held out by each share: at least two each.

    Args:
        people: of whom there are two images or more.
        shares: of them that validate, and that test where no test is given.
        owner: whose people they are, as `photos`, for a sentence.

    Raises:
        InputError: there are too few.
    """
    held_out = [max(FEWEST, round(share * people)) for share in shares]
    left = people - sum(held_out)
    if left >= FEWEST:
        return left, *held_out
    parts = "train, validate and test" if len(shares) > 1 else "train and validate"
    needed = FEWEST * (1 + len(shares))
    remedy = "make data.val_share or data.test_share smaller"
    if people < needed:
        remedy = "add people, or images of those of whom there is one"
    raise InputError(
        f"{owner} holds {counted(people, 'person')} with two images or more, which leaves "
        f"{max(left, 0)} to train; at least {FEWEST} each must {parts}, {needed} in all: {remedy}."
    )
