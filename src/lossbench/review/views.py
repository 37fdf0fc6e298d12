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

from lossbench.review.summaries import Compared
from lossbench.tracking import runs

TAG_PREFIX = "mlflow.sharedViewState."
COMPARED, BY_LOSS, FAILED = "lossbench-losses", "lossbench-runs", "lossbench-failed"
CHOSEN = "lossbench.chosen"  # "true" on runs at the learning rate that was chosen for their condition
CONDITION = "lossbench.condition"  # the name of the summary run that a run is below
PRIMARY = "mlflow.experiment.primaryMetric.name"  # whose chart comes first where no view is open
_FLAT = "tags.`mlflow.runName`"  # ordered by time, a search also finds the summaries of what it finds
_SENTENCE = 560  # pixels
MOST_SHOWN = 100  # runs; with more the page is slow


def views(compared: Sequence[Compared], made: int) -> dict[str, str]:
    """The tags of an experiment that are its saved views.

    Args:
        compared: what the experiment compares.
        made: milliseconds since the epoch.
    """
    judges = [f"test/{one.judge}" for one in compared if one.judge]
    states = {
        COMPARED: ("Losses compared", _losses(compared)),
        BY_LOSS: ("All runs by loss", _by_loss(compared)),
        FAILED: ("Failed runs", _failed()),
    }
    tags = {
        f"{TAG_PREFIX}{key}": json.dumps(
            {"name": name, "createdAt": made, "updatedAt": made, "state": _packed(state)}
        )
        for key, (name, state) in states.items()
    }
    return tags | ({PRIMARY: judges[0]} if judges else {})


def _packed(state: dict[str, Any]) -> str:
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()


def order(compared: Sequence[Compared]) -> tuple[str, bool]:
    """The key by which losses are sorted, and whether ascending: the best first, where there is no axis."""
    if len(compared) == 1 and not compared[0].axes and compared[0].judge:
        judge = compared[0].judge
        told = compared[0].metrics.get(judge)
        return f"metrics.`test/{judge}`", not (told and told.higher_is_better)
    return "attributes.start_time", False


def _losses(compared: Sequence[Compared]) -> dict[str, Any]:
    key, ascending = order(compared)
    return _state(
        f'tags.`{runs.KIND}` = "summary"',
        _charts(compared),
        [
            *_shown_metrics(compared),
            "params.`optimizer.lr`",
            *(f"metrics.`total/{name}`" for name in ("seeds", "diverged", "failed")),
        ],
        orderByKey=key,
        orderByAsc=ascending,
        runsHiddenMode="SHOW_ALL" if _count(compared) <= MOST_SHOWN else "FIRST_20_RUNS",
    )


def _by_loss(compared: Sequence[Compared]) -> dict[str, Any]:
    # One key that names the whole condition: of several, MLflow shows their names and cuts off their values.
    groups = [{"mode": "tag", "groupByData": CONDITION}]
    return _state(
        f'tags.`{CHOSEN}` = "true"',
        _charts(compared),
        _shown_metrics(compared),
        orderByKey=_FLAT,
        orderByAsc=True,
        groupBy={"aggregateFunction": "average", "groupByKeys": groups},
        runsHiddenMode="SHOW_ALL" if _count(compared) <= MOST_SHOWN else "FIRST_20_RUNS",
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


def _count(compared: Sequence[Compared]) -> int:
    return sum(len(one.summaries) for one in compared)


def _shown_metrics(compared: Sequence[Compared]) -> list[str]:
    names = dict.fromkeys(one.judge for one in compared if one.judge)
    return [f"metrics.`test/{name}`" for name in names]


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
    shown = [_section(_OPEN, "Losses compared", display=True)]
    return shown + [_section(name, name, display=False) for name in _CLOSED]


def _section(key: str, name: str, display: bool) -> dict[str, Any]:
    return {
        "uuid": f"lossbench-{key}",
        "name": name,
        "display": display,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
    }


def _charts(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """For each metric that judges, a bar per row; for each that selects, a curve.

    The training loss is in a closed section: it is another quantity for each loss.
    """
    count = max(10, _count(compared))
    tests = dict.fromkeys(one.judge for one in compared if one.judge)
    curves = dict.fromkeys(f"val/{one.select}" for one in compared if one.select)
    charts = [_chart("BAR", f"test/{name}", count) for name in tests]
    return charts + [_chart("LINE", name, count) for name in curves]


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
