"""How fast lossbench trains a sweep, beside three other ways to train it.

    python experiments/speed/bench.py                    all parts, the slow competitors on 48 of 240 runs
    python experiments/speed/bench.py --runs 240         all parts, nothing extended (more than half an hour)
    python experiments/speed/bench.py --parts b,e        some parts; the others keep their recorded rows
    python experiments/speed/bench.py --parts none       only write README.md and the figure again

Writes results.csv, README.md and speed.png beside itself.
"""

from __future__ import annotations

import argparse
import compileall
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

import page
import pandas as pd
import parts
import parts_of_gpu
import psutil
import sweep
import torch
from measure import Measurement, measure

import hydra_plugins.lossbench_launcher
import lossbench
from lossbench._processor import told

RESULTS = Path(__file__).with_name("results.csv")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parts", default="a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,gpu", help="which parts, separated by commas"
    )
    parser.add_argument(
        "--repetitions", type=int, default=3, help="of each measurement, taken in turns; long parts once"
    )
    parser.add_argument("--runs", type=int, default=48, help="runs of the slow competitors of (a)")
    options = parser.parse_args()
    step = 2 * sweep.CONDITIONS
    if options.runs % step or not 0 < options.runs <= 240:
        parser.error(f"--runs must be a multiple of {step}, at most 240")
    for package in (lossbench, hydra_plugins.lossbench_launcher):  # as pip does where it installs them
        compileall.compile_dir(Path(str(package.__file__)).parent, quiet=1)
    with tempfile.TemporaryDirectory() as within:
        for part in chosen(options.parts.split(","), options.runs):
            rows = [{**row, **machine()} for row in run(part, options.repetitions, Path(within))]
            record(pd.DataFrame(rows))
    page.write(pd.read_csv(RESULTS))


def chosen(keys: list[str], runs: int) -> list[parts.Part]:
    """The parts of the command line; those of the GPU only where there is one."""
    everything = [parts.big_sweep(runs), parts.images(), parts.texts(), parts.members()]
    everything += [parts.start(), parts.own_table(), parts.small_images(), parts.large_table()]
    everything += [parts.frozen_features(), parts.streamed_images(), parts.recurrent()]
    everything += [parts.own_clicks(), parts.towers(), parts.growth(), parts.many_records(), *parts.wider()]
    if torch.cuda.is_available():
        everything += parts_of_gpu.parts()
        keys = [*keys, *(part.key for part in everything if "gpu" in keys and part.key.startswith("gpu-"))]
    return [part for part in everything if part.key in keys]


def run(part: parts.Part, repetitions: int, within: Path) -> list[dict[str, object]]:
    """Every competitor at every size, in turns, so that a slow minute of the machine hits all of them."""
    print(f"({part.key}) {part.title}: {part.words}", flush=True)
    rows = []
    for repetition in range(1 if part.long else repetitions):
        for competitor in part.competitors:
            for size in competitor.sizes:
                command, code = competitor.command(size), competitor.exit_code
                taken = measure(command, within=within, exit_code=code, before=competitor.before)
                check(competitor, size, taken)
                alone = taken.training_seconds
                said = "" if alone is None else f", of which {alone:.2f} s of training"
                name = f"{competitor.name:40} {size:5} runs"
                print(f"  {repetition + 1}  {name} {taken.seconds:8.2f} s{said}", flush=True)
                rows.append(row(part, competitor, size, repetition, taken))
    return rows


def check(competitor: parts.Competitor, size: int, taken: Measurement) -> None:
    """A time counts only where the work was done."""
    if competitor.records and taken.finished != size:
        raise SystemExit(f"{competitor.name}: {taken.finished} of {size} runs stand in MLflow as finished")


def row(
    part: parts.Part, competitor: parts.Competitor, size: int, repetition: int, taken: Measurement
) -> dict[str, object]:
    return {
        "part": part.key,
        "title": part.title,
        "words": part.words,
        "full": part.full,
        "competitor": competitor.name,
        "runs": size,
        "repetition": repetition,
        "seconds": round(taken.seconds, 3),
        "peak_mib": round(taken.peak_mib) if part.memory else None,
        "together_mib": round(taken.together_mib) if part.memory and part.together else None,
        "waiting_percent": rounded(taken.waiting_percent, 2),
        "training_seconds": rounded(taken.training_seconds, 3),
        "gpu_mib": rounded(taken.gpu_mib, 0),
        "gpu_percent": rounded(taken.utilisation, 0),
    }


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def machine() -> dict[str, str]:
    """Where and with what a row was measured."""
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    memory = round(psutil.virtual_memory().total / 2**30)
    processor = told("model name") or platform.machine()
    return {
        "machine": f"{psutil.cpu_count()} cores ({processor}), {memory} GiB{device}, {platform.system()}",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"lossbench {version('lossbench')}",
    }


def record(rows: pd.DataFrame) -> None:
    """Put the rows in place of earlier ones of the same part."""
    if RESULTS.exists():
        before = pd.read_csv(RESULTS)
        rows = pd.concat([before[~before["part"].isin(rows["part"])], rows])
    rows.sort_values("part", kind="stable").to_csv(RESULTS, index=False)


if __name__ == "__main__":
    main()
