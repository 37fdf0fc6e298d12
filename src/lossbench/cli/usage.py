"""What `python -m lossbench --help` says: the choices, and from their declarations which fit together."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossbench.config.folders import choices, node_in, roots
from lossbench.config.making import make
from lossbench.config.searched import declared_knobs
from lossbench.job import KINDS
from lossbench.task import Target

_WIDTH = 100
_LABEL = 16

_Knobs = Sequence[tuple[str, str]]  # a kind of target, and the knob of the data that offers it

# Of what it is said which loss elicits what; at places, so that losses of tokens fit.
_OFFERED = {"a value": Target("continuous", shape=(2,)), "classes": Target("multiclass", 3, shape=(2,))}

_START = """\
lossbench: which loss should I train with?

One run         python -m lossbench data=outliers loss=huber seed=0 experiment.name=first
A sweep         python -m lossbench -m data=mnist_5k loss=cce,hinge seed=0,1 experiment.name=digits
Tuned fairly    python -m lossbench -m loss=mse,huber trials=8 'seed=range(10)' experiment.name=fair
An experiment   python -m lossbench -m experiment=demo_outliers
Beforehand      --dry-run with any of these: columns, splits, packs and the time; nothing is kept
Its answer      python -m lossbench.report experiment=demo_outliers
"""
_END = """\
Knobs           Every value can be set: loss.delta=2 optimizer.lr=0.01 trainer.max_epochs=50.
                With -m it can be swept over: loss.delta=0.5,1,2; trials=16 gives every loss as many
                settings of the learning rate and of its own knobs. The list, with all values:
                python -m lossbench data=mnist_5k model=cnn loss=hinge --cfg job
Your own        --config-dir FOLDER adds FOLDER/loss/NAME.yaml as loss=NAME; so with data,
                model and experiment (give it to lossbench.report as well). Before --help
                it lists them here.
Results         are in MLflow: ./mlflow.db, else MLFLOW_TRACKING_URI, or tracking.uri=ADDRESS.
                The same command again trains only what is not finished, or with
                tracking.resume=false everything.
Hydra           --hydra-help lists its options; HYDRA_FULL_ERROR=1 shows tracebacks.
"""


def usage(folder: Path | None = None) -> str:
    """The whole text, 100 columns wide unless a user's choices want more; with those in `folder`."""
    faults: list[str] = []
    folders = roots(folder)
    sources: dict[str, tuple[tuple[list[Target], Sequence[str], _Knobs], Sequence[str]]] = {}
    losses, models = {}, {}
    elicited: dict[str, dict[str, list[str]]] = {offered: {} for offered in _OFFERED}
    for name, path in choices("data", folders).items():
        with _told(f"data={name}", faults):
            source: Any = make("data", KINDS["data"], node_in(path))
            sources[name] = ((list(source.offers()), source.of_batch, source.elsewhere), source.reads)
    for name, path in choices("loss", folders).items():
        with _told(f"loss={name}", faults):
            node = node_in(path)
            loss = _loss(node)
            losses[name] = [_trains_on(loss, node, *known) for known, _ in sources.values()]
            _note_elicited(name, loss, elicited)
    for name, path in choices("model", folders).items():
        with _told(f"model={name}", faults):
            reads = _reads(node_in(path))
            models[name] = [_first(offered, reads or offered) for _, offered in sources.values()]
    searched = _all_searched(folders)
    parts = [
        _START,
        "What each loss trains on, by data set (- does not fit, NAME? needs NAME beside it)\n"
        + _table(["loss=", *sources], losses)
        + _set_so({name: known[2] for name, (known, _) in sources.items()}),
        "What of a target a loss elicits: what predicts best under it\n"
        + "".join(_of_each(offered, found) for offered, found in elicited.items()),
        "What each model reads, by data set (- does not fit)\n" + _table(["model=", *sources], models),
        "Where trials=N looks for values; all others stay as they are\n" + "\n".join(searched) + "\n",
        *(["\n".join(["Cannot be used as they are", *faults, ""])] if faults else []),
        _listed("optimizer=", choices("optimizer", folders))
        + _listed("experiment=", choices("experiment", folders)),
        _END,
    ]
    return "\n".join(parts).rstrip()


def _all_searched(folders: Sequence[Path]) -> list[str]:
    """A line for each knob that trials tune."""
    return [
        line
        for group in ("loss", "optimizer", "model")
        for name, path in choices(group, folders).items()
        for line in _searched(group, name, node_in(path))
    ]


@contextmanager
def _told(choice: str, faults: list[str]) -> Iterator[None]:
    """Note why a choice of the user's cannot be made; what ships can."""
    try:
        yield
    except Exception as error:  # code of anybody's
        why = " ".join(str(error).split()) or type(error).__name__
        faults.append("  " + textwrap.shorten(f"{choice}: {why}", 4 * _WIDTH))


def _loss(node: dict[str, Any]) -> Any:
    """None of somebody else's, whose YAML says what it trains on: making that would import torch."""
    return None if "trains_on" in node else make("loss", KINDS["loss"], node)


def _trains_on(
    loss: Any, node: dict[str, Any], offered: Sequence[Target], beside: Sequence[str], elsewhere: _Knobs
) -> str:
    if loss is None:
        return _first(node["trains_on"], [target.kind for target in offered])
    if not loss.trains_on:
        return "parts?"  # a sum of what is still to be named
    target = loss.chosen_target(offered)
    if target is None:
        return next((f"{kind}*" for kind, _ in elsewhere if kind in loss.trains_on), "-")
    lacking = sorted(set(loss.wants_for(target)) - {*beside, *(one.kind for one in offered)})
    return "+".join(f"{name}?" for name in lacking) or str(target.kind)


def _set_so(elsewhere: Mapping[str, _Knobs]) -> str:
    """A line for each knob that makes a data set offer another kind of target."""
    told: dict[tuple[str, str], list[str]] = {}
    for name, knobs in elsewhere.items():
        for kind, knob in knobs:
            told.setdefault((kind, knob), []).append(name)
    lines = [f"  * {kind} of {', '.join(of)} with {knob}\n" for (kind, knob), of in told.items()]
    return "\n" * bool(lines) + "".join(lines)


def _note_elicited(name: str, loss: Any, elicited: dict[str, dict[str, list[str]]]) -> None:
    """Add a loss to those with its word, of each kind of target of which it has one."""
    if loss is None:
        return
    for offered, kind in _OFFERED.items():
        target = loss.chosen_target([kind])
        if target is not None and (word := loss.elicits(target)):
            elicited[offered].setdefault(word, []).append(name)


def _of_each(offered: str, found: Mapping[str, Sequence[str]]) -> str:
    text = "; ".join(f"{', '.join(names)}: {word}" for word, names in found.items())
    first, rest = f"  {offered}".ljust(_LABEL), " " * _LABEL
    return textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=rest) + "\n"


def _reads(node: dict[str, Any]) -> Sequence[str]:
    # As above; somebody else's module may read anything.
    model: Any = None if "reads" in node else make("model", KINDS["model"], node)
    return node["reads"] if model is None else model.reads  # type: ignore[no-any-return]


def _first(wanted: Iterable[str], offered: Sequence[str]) -> str:
    return next((kind for kind in wanted if kind in offered), "-")


def _table(titles: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Columns that are too many for one line go on below."""
    lines = [list(titles), *([name, *cells] for name, cells in rows.items())]
    label, *columns = zip(*lines, strict=True)
    first = max(_LABEL + 2, *(len(name) + 2 for name in label))
    blocks: list[list[list[str]]] = []
    for column in columns:
        width = max(map(len, column)) + 2
        padded = [cell.ljust(width) for cell in column]
        if not blocks or len("".join(own[0] for own in blocks[-1])) + width > _WIDTH + 2:
            blocks.append([[f"  {name.ljust(first)}" for name in label]])
        blocks[-1].append(padded)
    tables = ("\n".join("".join(line).rstrip() for line in zip(*block, strict=True)) for block in blocks)
    return "\n\n".join(tables) + "\n"


def _searched(group: str, name: str, node: dict[str, Any]) -> list[str]:
    """A line on the knobs of a choice that declare where a search looks; none where there are none."""
    knobs = declared_knobs(node)
    told = "; ".join(
        f"{group}.{own} {knob.search.words}{' (where tune names it)' * knob.asked}"
        for own, knob in knobs.items()
        if knob.search
    )
    head = f"  {group}={name}".ljust(_LABEL + 10)
    return (
        [textwrap.fill(told, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head))] if told else []
    )


def _listed(title: str, names: Iterable[str]) -> str:
    text = ", ".join(names)
    first, rest = title.ljust(_LABEL), " " * _LABEL
    return textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=rest) + "\n"
