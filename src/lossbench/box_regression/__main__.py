"""Which losses bring a box home that follows their gradient by itself; half a minute, no net, no chance.

`python -m lossbench.box_regression` moves the boxes, writes `experiments/box_regression/`, and prints the
verdicts; report.out=FOLDER writes another folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lossbench.cli import command

FOLDER = Path("experiments", "box_regression")


def main(folder: Path = FOLDER, places: int | None = None) -> None:
    """Move the boxes, write the page with its table, verdicts and figures, and print the verdicts.

    Args:
        folder: where they are written; made when missing.
        places: from which boxes start; None as many as are recorded.

    Raises:
        InputError: the folder holds files of these names that this command did not make.
    """
    from lossbench.anatomy.report import show
    from lossbench.box_regression.descent import PLACES, all_descents, starts
    from lossbench.box_regression.figures import CAPTIONS, draw
    from lossbench.box_regression.findings import LOSSES, checked
    from lossbench.box_regression.page import context, table
    from lossbench.report import rendering
    from lossbench.report.made import PAGES, check
    from lossbench.report.picture import contents
    from lossbench.report.write import pages, replace_files, written

    check(folder, (*PAGES, *CAPTIONS))
    begin = starts(places or PLACES)
    found = all_descents(LOSSES, begin)
    rows, claims = table(found, begin.apart), checked(found, begin.apart)
    figures = draw(found, begin.distance)
    told = context(rows, claims, begin.apart, figures)
    texts = rendering.rendered("page.md.j2", told), rendering.rendered_html(told)
    files = pages(*texts, rows, [one.record() for one in claims])
    replace_files(folder, {**contents(figures), **files})
    show(claims)
    print(written(folder, figures))


def _run(arguments: Sequence[str]) -> None:
    given = command.options(arguments, ("report.out",))
    main(Path(given.get("report.out", FOLDER)))


if __name__ == "__main__":
    command.run("lossbench.box_regression", _run, __doc__)
