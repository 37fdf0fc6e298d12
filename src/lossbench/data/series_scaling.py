"""The numbers of a series as models read them and losses see them, by what its steps of training say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lossbench.data.splits import robust_units
from lossbench.task import OwnPast, Units

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.series_reading import Numbers, Steps
    from lossbench.data.windows import Block


def scaled(steps: Steps, training: Block, cycles: tuple[str, ...]) -> Tensor:
    """(T, columns) float32: columns less their mean, over their deviation; then the calendar.

    What is missing is 0; no window holds it.

    Args:
        cycles: of `calendar_features`.
    """
    import numpy as np
    import torch

    from lossbench.data.calendar_features import calendar

    columns = np.nan_to_num(_scaler(steps, training).transform(steps.values))
    if cycles:
        columns = np.concatenate([columns, calendar(steps.times.stamps, cycles)], axis=1)
    return torch.from_numpy(columns.astype(np.float32))


def _scaler(steps: Steps, training: Block) -> Any:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(steps.values[training.start : training.stop])


def own_past(steps: Steps, training: Block, units: Units, horizon: int) -> OwnPast:
    """How what is read of the target's columns becomes what losses see of the target."""
    import numpy as np

    scaler, count = _scaler(steps, training), steps.targets
    scale = scaler.scale_[:count] / np.asarray(units.scale)
    shift = (scaler.mean_[:count] - np.asarray(units.shift)) / np.asarray(units.scale)
    return OwnPast(tuple(scale.tolist()), tuple(shift.tolist()), horizon)


def target_units(targets: Numbers, training: Block) -> Units:
    """The units of the targets (T, columns), each column by itself, the same at every step of the horizon."""
    import numpy as np
    import torch

    columns = targets[training.start : training.stop].T
    units = [robust_units(column[~np.isnan(column)]) for column in columns]
    if len(units) == 1:
        return units[0]
    known = torch.tensor([(one.shift, one.scale) for one in units], dtype=torch.float64)
    shift, scale = known.unbind(1)
    return Units(shift, scale)
