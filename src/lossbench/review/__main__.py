"""`python -m lossbench.review experiment=<name>`: summary runs and saved views in MLflow, and links to them.

experiment=outliers    the experiment; without it, every experiment
tracking.uri=...       where the runs are; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db
port=5000              where `make ui` shows them

Every sweep does this at its end; the runs themselves are not changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lossbench.cli import command
from lossbench.config.naming import spoken
from lossbench.errors import InputError, suggestion


def port_of(given: Mapping[str, str]) -> int:
    """The port asked for, or the usual one.

    Raises:
        InputError: it is none.
    """
    from lossbench.review.links import PORT

    text = given.get("port", str(PORT))
    # "²" is a digit and no number, "٣" is a number that no other program reads.
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 65536:
        raise InputError(f"port={text} is no port; choose a number from 1 to 65535, as in port={PORT}.")
    return int(text)


def main(arguments: Sequence[str]) -> None:
    """Refresh what the command line names, and print the links."""
    given = command.options(arguments, ("experiment", "tracking.uri", "port"))
    port = port_of(given)

    from lossbench.review.links import links
    from lossbench.review.refresh import refresh
    from lossbench.tracking import resolve_uri
    from lossbench.tracking.address import check_reachable, parse

    uri = resolve_uri(given.get("tracking.uri"))
    check_reachable(parse(uri))
    wanted = spoken(given["experiment"]) if "experiment" in given else None
    found = {one.experiment: one for one in links(uri)}
    if wanted is not None and wanted not in found:
        raise InputError(f"{uri} holds no runs of experiment {wanted!r} ({suggestion(wanted, found)}).")
    for name in [wanted] if wanted else sorted(found):
        made = refresh(uri, name)
        print(f"{name}: {len(made)} summary runs" if made else f"{name}: no run has a result yet")
        for one in links(uri, name, port):
            print("\n".join(one.lines()))


if __name__ == "__main__":
    command.run("lossbench.review", main, __doc__)
