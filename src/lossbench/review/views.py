"""Saved views in MLflow's "Views" menu: what its page keeps when a person saves one, written from here.

The form is MLflow 3.17's own and is documented nowhere: a tag of the experiment that holds the state of the
page as compressed JSON. A browser test opens every view.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

from lossbench.review import forest
from lossbench.review.summary import Compared
from lossbench.tracking import runs
from lossbench.verdicts.conditions import RATE

TAG_PREFIX = "mlflow.sharedViewState."
COMPARED, BY_LOSS, FAILED = "lossbench-losses", "lossbench-runs", "lossbench-failed"
CHOSEN = "lossbench.chosen"  # "true" on runs at the learning rate that was chosen for their condition
CONDITION = "lossbench.condition"  # the name of the summary run that a run is below
PRIMARY = "mlflow.experiment.primaryMetric.name"  # whose chart comes first where no view is open
_FLAT = "tags.`mlflow.runName`"  # ordered by time, a search also finds the summaries of what it finds
_SENTENCE = 560  # pixels
MOST_SHOWN = 100  # runs; with more the page is slow


def views(compared: Sequence[Compared], made: int) -> dict[str, str]:
    """The tags of an experiment that are its saved views, made at so many milliseconds since the epoch."""
    states = {
        COMPARED: ("Losses compared", _losses(compared)),
        BY_LOSS: ("Runs at the chosen rate, by loss", _by_loss(compared)),
        FAILED: ("Failed runs", _failed()),
    }
    tags = {
        f"{TAG_PREFIX}{key}": json.dumps(
            {"name": name, "createdAt": made, "updatedAt": made, "state": _packed(state)}
        )
        for key, (name, state) in states.items()
    }
    judges = _judges(compared)
    return tags | ({PRIMARY: judges[0]} if judges else {})


def _packed(state: dict[str, Any]) -> str:
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()


def _losses(compared: Sequence[Compared]) -> dict[str, Any]:
    """The summary runs: the best first, where one metric judges them."""
    judges = _judges(compared)
    key, ascending = "attributes.start_time", False
    if len(judges) == 1:
        told = compared[0].metrics.get(compared[0].judge)
        key, ascending = f"metrics.`{judges[0]}`", not (told and told.higher_is_better)
    totals = [f"metrics.`total/{name}`" for name in ("seeds", "diverged", "failed")]
    return _state(
        f'tags.`{runs.KIND}` = "summary"',
        _charts(compared),
        [*(f"metrics.`{name}`" for name in judges), f"params.`{RATE}`", *totals],
        orderByKey=key,
        orderByAsc=ascending,
        runsHiddenMode=_hidden(compared),
    )


def _by_loss(compared: Sequence[Compared]) -> dict[str, Any]:
    # One key that names the whole condition: of several, MLflow shows their names and cuts off their values.
    groups = [{"mode": "tag", "groupByData": CONDITION}]
    return _state(
        f'tags.`{CHOSEN}` = "true"',
        _charts(compared),
        [f"metrics.`{name}`" for name in _judges(compared)],
        orderByKey=_FLAT,
        orderByAsc=True,
        groupBy={"aggregateFunction": "average", "groupByKeys": groups},
        runsHiddenMode=_hidden(compared),
    )


def _failed() -> dict[str, Any]:
    reason = f"tags.`{runs.REASON}`"
    return _state(
        "attributes.status != 'FINISHED' and attributes.status != 'RUNNING'",
        [],
        [f"tags.`{runs.OUTCOME}`", reason, f"tags.`{runs.SUPERSEDED}`"],
        orderByKey=_FLAT,
        orderByAsc=True,
        columnWidths={reason: _SENTENCE},
    )


def _judges(compared: Sequence[Compared]) -> list[str]:
    """The metrics that judge, one for each data set."""
    return list(dict.fromkeys(f"test/{one.judge}" for one in compared if one.judge))


def _count(compared: Sequence[Compared]) -> int:
    return sum(len(one.summaries) for one in compared)


def _hidden(compared: Sequence[Compared]) -> str:
    return "SHOW_ALL" if _count(compared) <= MOST_SHOWN else "FIRST_20_RUNS"


def _state(search: str, charts: list[dict[str, Any]], columns: list[str], **changes: Any) -> dict[str, Any]:
    """The whole state of the page: MLflow's own first state, with changes."""
    return {
        "searchFilter": search,
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "columnOrder": columns,  # else by alphabet; widths are heeded only beside an order
        "columnWidths": {},
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunCharts": charts or None,
        "compareRunSections": _sections() if charts else None,
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": bool(charts),
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
        **changes,
    }


# The page adds a chart for each metric that has none; closed sections are ready for them.
_CLOSED = ("test", "test_cross", "test_interval", "total", "train", "val", "val_best")
_OPEN = "compared"


def _sections() -> list[dict[str, Any]]:
    names = {_OPEN: "Losses compared", **{name: name for name in _CLOSED}}
    return [
        {
            "uuid": f"lossbench-{key}",
            "name": name,
            "display": key == _OPEN,
            "isReordered": False,
            "deleted": False,
            "isGenerated": False,
        }
        for key, name in names.items()
    ]


def _charts(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """For each metric that judges, an image of means with their intervals and a bar per row; for each that
    selects, a curve.

    The training loss is in a closed section: it is another quantity for each loss.
    """
    count = max(10, _count(compared))
    curves = dict.fromkeys(f"val/{one.select}" for one in compared if one.select)
    bars = [_chart("BAR", name, count) for name in _judges(compared)]
    images = [_chart("IMAGE", name, count) for name in dict.fromkeys(map(forest.key, compared))]
    return [*images, *bars, *(_chart("LINE", name, count) for name in curves)]


def _chart(kind: str, metric: str, count: int) -> dict[str, Any]:
    chart = {
        "uuid": f"lossbench-{kind}-{metric}",
        "type": kind,
        "runsCountToCompare": count,
        "metricSectionId": f"lossbench-{_OPEN}",
        "deleted": False,
        "isGenerated": False,
        "displayName": metric,
        "metricKey": metric,
    }
    if kind == "BAR":
        return chart
    if kind == "IMAGE":
        named = {"displayName": f"{metric}: means with 95% intervals"}
        return {**chart, **named, "imageKeys": [metric], "step": 0, "showRunParams": False}
    return {
        **chart,
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
