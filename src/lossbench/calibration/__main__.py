"""How far the verdicts can be trusted: simulated experiments whose truth is known.

`python -m lossbench.calibration` simulates them, judges them with the functions that judge real
claims, and writes `experiments/calibration/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lossbench.cli import command


def main(folder: Path = Path("experiments", "calibration"), experiments: int | None = None) -> None:
    """Simulate, write the table and its page, and print the page.

    Args:
        folder: where both are written; made when missing.
        experiments: simulated, for each row of the table; None as many as are recorded.

    Raises:
        InputError: the folder holds files of these names that this command did not make.
    """
    import pandas as pd

    from lossbench.calibration.page import page
    from lossbench.calibration.simulate import EXPERIMENTS, simulate
    from lossbench.report.made import check
    from lossbench.report.write import replace_files

    check(folder, ("results.csv", "README.md"))
    table = pd.DataFrame([vars(row) for row in simulate(experiments or EXPERIMENTS)]).round(4)
    text = page(table)
    files = {"results.csv": table.to_csv(index=False), "README.md": text}
    replace_files(folder, {name: content.encode() for name, content in files.items()})
    sys.stdout.write(text)


if __name__ == "__main__":
    command.run("lossbench.calibration", lambda _: main(), __doc__)
