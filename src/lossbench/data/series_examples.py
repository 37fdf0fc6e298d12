"""From the steps of a series to what models read and losses see: windows in each part, and their targets."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.data import season as seasons
from lossbench.data import series_scaling, series_spikes, windows
from lossbench.data.series_file import NAIVE_SCALE, SeriesFile
from lossbench.data.shared import while_used
from lossbench.data.source import SPLITS, DataSet, Description, Examples, Split
from lossbench.task import InputKind, Inputs, Prediction

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.series_reading import Steps


@lru_cache(maxsize=4)
@while_used
def loaded(source: SeriesFile, steps: Steps, reads: InputKind) -> DataSet:
    """The data set of a series without outliers: the same for every seed, and held once."""
    import torch

    starts, training = source.parts(steps), source.blocks(steps)["train"]
    known = series_scaling.scaled(steps, training, source.cycles(steps))
    inputs = windows.views(known, source.past, flat=reads == "vector")
    ahead = windows.views(torch.from_numpy(steps.values[:, : steps.targets]), source.horizon)
    scale = torch.from_numpy(seasons.naive_scale(steps, training, source.season_of(steps)))
    scale = scale if steps.targets > 1 else scale.squeeze(0)
    parts: dict[Split, Examples] = {}
    for split, rows in starts.items():
        own = torch.from_numpy(rows)
        targets = {
            "continuous": _wanted(source, ahead, own),
            NAIVE_SCALE: scale.expand(len(own), *scale.shape).contiguous(),
        }
        # Windows that overlap say the same twice: they are one group to whoever counts examples.
        parts[split] = Examples(own, targets, groups=own // (source.past + source.horizon))
    units = series_scaling.target_units(steps.values[:, : steps.targets], training)
    past = series_scaling.own_past(steps, training, units, source.horizon)
    description = Description(
        name=source.name,
        inputs=Inputs(reads, tuple(inputs.shape[1:]), past=past if reads == "series" else None),
        targets=source.targets(),
        sizes={split: len(part) for split, part in parts.items()},
        source=f"{source.credit or steps.file}, target {', '.join(steps.names[: steps.targets])}",
        fingerprint=steps.fingerprint,
    )
    train, val, test = (parts[split] for split in SPLITS)
    return DataSet(description, inputs, train, val, test, units={"continuous": units})


def contaminated(source: SeriesFile, steps: Steps, data: DataSet, seed: int) -> DataSet:
    """A data set with outliers among the targets of training and validation.

    Units are what a person would compute who does not know which are wrong.
    """
    import torch

    blocks = source.blocks(steps)
    numbers = series_spikes.spiked(
        steps.values[:, : steps.targets],
        blocks,
        seed,
        share=source.contamination,
        outlier=source.outlier,
        size=source.outlier_scale,
    )
    ahead = windows.views(torch.from_numpy(numbers), source.horizon)
    train, val = (
        replace(part, targets={**part.targets, "continuous": _wanted(source, ahead, part.rows)})
        for part in (data.train, data.val)
    )
    units, inputs = series_scaling.target_units(numbers, blocks["train"]), data.description.inputs
    if inputs.past is not None:
        own = series_scaling.own_past(steps, blocks["train"], units, source.horizon)
        inputs = replace(inputs, past=own)
    description = replace(data.description, fingerprint=source.fingerprint(seed), inputs=inputs)
    return replace(data, description=description, train=train, val=val, units={"continuous": units})


def naive(source: SeriesFile, steps: Steps, rows: Tensor, *, season: int) -> Prediction:
    """What was there one season before, of windows by their first steps (N,); of season 1 the last value."""
    import torch

    repeated = seasons.seasonal_naive(steps, rows.numpy() + source.past, source.horizon, season)
    return Prediction(value=_shaped(torch.from_numpy(repeated)))


def _wanted(source: SeriesFile, ahead: Tensor, rows: Tensor) -> Tensor:
    """The targets of windows by their first steps (N,), of the steps from each on (.., horizon, targets)."""
    return _shaped(ahead[rows + source.past])


def _shaped(wanted: Tensor) -> Tensor:
    """Of (N, horizon, targets) what a target holds: no dimension of one."""
    wanted = wanted.squeeze(2) if wanted.shape[2] == 1 else wanted
    return wanted.squeeze(1) if wanted.shape[1] == 1 else wanted
