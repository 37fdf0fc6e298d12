"""A user's own ratings or clicks: who took which item, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.data import click_parts, click_reading
from lossbench.data.baseline import mean_of
from lossbench.data.click_baselines import BASELINES
from lossbench.data.click_reading import Clicks, Reading
from lossbench.data.conventions import DECIMALS, THOUSANDS, Convention
from lossbench.data.csv_reading import SEPARATORS
from lossbench.data.own_file import names_as_texts, own_file
from lossbench.data.parts import check_shares
from lossbench.data.shared import while_used
from lossbench.data.source import SPLITS, DataSet, DataSource, Description, Examples, Split
from lossbench.errors import InputError
from lossbench.metrics.recommendations import RANKING, RECOMMENDED
from lossbench.task import InputKind, Inputs, Target, TargetKind, Units

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.data.splits import Ids


@dataclass(frozen=True, kw_only=True)
class Ratings(DataSource):
    """Each row of the file is a user and an item that he took; what he has not taken is a negative.

    An example is read as ids: `user` and `item` (N,), and `other` (N, negatives), items that the user does
    not have in training, drawn anew for each batch from seed and step alone, so that all losses of a seed see
    the same; in evaluation they are the item itself. In evaluation a model gives `all_items` (N, items), the
    scores of all items for the user, or the vectors of which they follow (`models.towers`); they are judged
    without those that he has in training. Targets are `item`, `user`, and with `rating` the number as
    `continuous`. Shared are `count` (items,), the rows of
    each item in training, and what each user has there, `seen` and `seen_from` as in `data.negatives`. Of a
    batch follows `owned`, which of its items and of those drawn for it each of its users has in training.

    path: a CSV file, also compressed (.gz, .zip): one line of column names, then one line per rating.
    user, item: columns of names or numbers.
    time: a column of dates or numbers, the later the larger; null: the rows are in the order of time.
    rating: a column of numbers; null: rows say no more than that they are there.
    task: rate the item, judged by the error of the rating, or rank all items; auto is rate where there is a
        rating.
    split: last: of each user the last `held_out` rows are the test, those before them validation. time: the
        last test_share of all rows, and those before them; users without a row before are left out. drawn: of
        each user `held_out` rows, of the others val_share of all; without regard to time.
    min_user, min_item: rows that a user and an item need to be kept; what is left is counted again.
    negatives: items drawn for each row of training.
    draws: uniform: each item that the user does not have is as likely as another. popularity: as often as it
        stands in rows of training, so that what nobody took is never drawn.
    in_batch: losses between vectors (contrastive, triplet, info_nce) compare a user's with those of the items
        of all rows of a batch and of all drawn ones; else with those of his row alone.
    mask: items that a user has in training are not recommended to him. Without it they stand among the
        others, as some evaluations leave them, and most of what leads is known to him.
    time_format: how times are written, as strptime knows it; s or ms since 1970; null: any usual one.
    separator, decimal, thousands: as of `data=csv`.

    Of a user and an item that occur together several times the last row counts. The parts are the same for
    every seed, which decides on batches, negatives and initial weights.
    """

    reads = ("user_item",)
    judged_by = (RANKING, RECOMMENDED, "continuous")
    select = "ndcg_at_10"  # where items are rated, mae
    epochs = None  # by its size, as a table
    of_batch = ("owned",)
    credit: ClassVar[str] = ""  # of a file that ships

    path: str | None = knob(None, optional=True, place=True)
    user: str | None = knob(None, optional=True)
    item: str | None = knob(None, optional=True)
    time: str | None = knob(None, optional=True)
    rating: str | None = knob(None, optional=True)
    task: str = knob("auto", choices=("auto", "rate", "rank"))
    split: str = knob("last", choices=("last", "time", "drawn"))
    held_out: int = knob(1, at_least=1)
    val_share: float = knob(0.1, above=0, below=1)
    test_share: float = knob(0.1, above=0, below=1)
    min_user: int = knob(5, at_least=1)
    min_item: int = knob(5, at_least=1)
    negatives: int = knob(1, at_least=1)
    draws: str = knob("uniform", choices=("uniform", "popularity"), later=True)
    in_batch: bool = knob(True)
    mask: bool = knob(True)
    time_format: str | None = knob(None, optional=True)
    separator: str = knob("comma", choices=tuple(SEPARATORS))
    decimal: str = knob("point", choices=tuple(DECIMALS))
    thousands: str = knob("none", choices=tuple(THOUSANDS))

    def __post_init__(self) -> None:
        for name in ("user", "item", "time", "rating"):
            object.__setattr__(self, name, names_as_texts(getattr(self, name)))
        super().__post_init__()
        if self.task == "rate" and self.rating is None:
            raise InputError("data.task=rate needs the column of ratings: name it, as in data.rating=stars.")
        if self.rates:
            object.__setattr__(self, "select", "mae")
        check_shares(self.val_share, self.test_share)
        taken = {"last": 2 * self.held_out, "drawn": self.held_out}.get(self.split, 0)
        if self.min_user <= taken:
            validate = " and as many validate" if self.split == "last" else ""
            raise InputError(
                f"data.min_user={self.min_user} leaves nothing to train of a user, of whom {self.held_out} "
                f"rows test{validate}: set it to {taken + 1} or more."
            )

    @property
    def rates(self) -> bool:
        """Whether the task is the rating."""
        return self.task == "rate" or (self.task == "auto" and self.rating is not None)

    def targets(self) -> tuple[Target, ...]:
        if self.path is None:
            return self.offers()
        known = self.clicks()
        return self._targets(known.items, known.users)

    def offers(self) -> tuple[Target, ...]:
        return self._targets(1, 1)

    def _targets(self, items: int, users: int) -> tuple[Target, ...]:
        own = (Target("item", size=items), Target("user", size=users))
        return own if self.rating is None else (Target("continuous"), *own)

    def fingerprint(self, seed: int) -> str:
        return self.clicks().fingerprint

    def account(self) -> list[str]:
        clicks = self.clicks()
        return click_parts.account(clicks, self._parts(clicks))

    def training_size(self) -> int:
        return len(self._parts(self.clicks())["train"])

    def baselines(self) -> Mapping[str, Baseline]:
        return BASELINES if self.rating is None else {**BASELINES, "mean": mean_of("continuous")}

    def load(self, seed: int, reads: InputKind) -> DataSet:
        return _loaded(self, self.clicks())

    def clicks(self) -> Clicks:
        """The file, understood; the same object for every seed.

        Raises:
            InputError: the file or one of its columns cannot be used.
        """
        if self.path is None or self.user is None or self.item is None:
            raise InputError(
                "data=ratings needs your file and its columns of users and items: data.path=clicks.csv "
                "data.user=customer data.item=product."
            )
        options = Reading(
            user=self.user,
            item=self.item,
            time=self.time,
            rating=self.rating,
            time_format=self.time_format,
            convention=Convention(self.decimal, self.thousands),
            min_user=self.min_user,
            min_item=self.min_item,
        )
        return click_reading.understood(own_file(self.path, self.separator), options)

    def _parts(self, clicks: Clicks) -> dict[Split, Ids]:
        if self.split == "last":
            found = click_parts.last_of_each(clicks, self.held_out)
        elif self.split == "drawn":
            found = click_parts.drawn_of_each(clicks, self.held_out, self.val_share)
        else:
            found = click_parts.latest(clicks, self.val_share, self.test_share)
        if self.draws == "popularity":
            click_parts.check_popular(clicks, found)
        return found


@lru_cache(maxsize=4)
@while_used
def _loaded(source: Ratings, clicks: Clicks) -> DataSet:
    """The same for every seed, and held once."""
    import numpy as np
    import torch

    from lossbench.data.negatives import Negatives, Seen, of_own_row
    from lossbench.data.splits import robust_units

    rows = source._parts(clicks)
    user, item, train = torch.from_numpy(clicks.user), torch.from_numpy(clicks.item), rows["train"]
    known: dict[TargetKind, Tensor] = {"item": item, "user": user}
    units: dict[TargetKind, Units] = {}
    if clicks.rating is not None:
        known["continuous"] = torch.from_numpy(clicks.rating)
        units["continuous"] = robust_units(clicks.rating[train])
    parts = {split: _examples(torch.from_numpy(part), known) for split, part in rows.items()}
    seen = Seen.of(clicks.user[train], clicks.item[train], clicks.users, clicks.items)
    count = torch.from_numpy(np.bincount(clicks.item[train], minlength=clicks.items))
    judged = seen if source.mask else seen.none()
    description = Description(
        name=source.name,
        inputs=_read(clicks, source.negatives),
        targets=source.targets(),
        sizes={split: len(part) for split, part in parts.items()},
        source=f"{source.credit or clicks.file}, {clicks.users} users and {clicks.items} items",
        fingerprint=clicks.fingerprint,
    )
    train_part, val, test = (parts[split] for split in SPLITS)
    # `other` is drawn for each batch of training; elsewhere it takes no memory.
    inputs = {"user": user, "item": item, "other": item.unsqueeze(1).expand(-1, source.negatives)}
    return DataSet(
        description,
        inputs,
        train_part,
        val,
        test,
        units,
        {"count": count.float(), "seen": judged.seen, "seen_from": judged.seen_from},
        Negatives(seen, source.negatives, count if source.draws == "popularity" else None),
        {"owned": seen.owned if source.in_batch else of_own_row},
    )


def _examples(rows: Tensor, known: Mapping[TargetKind, Tensor]) -> Examples:
    return Examples(rows, {kind: values[rows] for kind, values in known.items()}, groups=known["user"][rows])


def _read(clicks: Clicks, negatives: int) -> Inputs:
    item = Inputs("id", vocabulary=clicks.items)
    other = Inputs("id", (negatives,), vocabulary=clicks.items)
    user = Inputs("id", vocabulary=clicks.users)
    return Inputs("user_item", parts={"user": user, "item": item, "other": other})
