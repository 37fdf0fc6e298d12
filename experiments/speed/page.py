"""README.md and its figures from results.csv."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import parts

mpl.use("Agg")
import matplotlib.pyplot as plt

mpl.rcParams["svg.hashsalt"] = "growth"  # the same file from the same numbers

HERE = Path(__file__).parent
GROWTH = "n"
INTRODUCTION = """# How fast is a sweep?

`make bench` times the same sweep in several ways, each as a process of its own in an empty folder with an
empty MLflow store, from the shell to the end of the process. Times are medians of {repetitions} repetitions
taken in turns. It counts only where every run stands in MLflow as finished.

Memory is that of the largest process, resident.

Each part says where and with what it was measured. The raw times stand in [results.csv](results.csv).

![seconds for the sweep, and per further member](speed.png)
"""
COMPETITORS = f"""
- **{parts.OURS}** is the command as anyone would type it; packs of runs train side by side.
- **{parts.BASIC}** is the same command with Hydra's own launcher: one run after another.
- **{parts.SCRIPT}** ([lightning_script.py](lightning_script.py)) has one Trainer and one MLFlowLogger per
  run, without progress bar, summary or checkpoints.
- **{parts.LOOP}** ([bare_loop.py](bare_loop.py), of wider models [plain_loops.py](plain_loops.py)) trains and
  reads test once: no validation, no best weights, nothing written down.
- **{parts.TORCH_STACK}** ([torch_stack.py](torch_stack.py)) and **{parts.JAX_STACK}**
  ([jax_stack.py](jax_stack.py)) are what a skilled user would write by hand today: all runs side by side in
  one process. They make as many updates on the same data and read test once. They leave out what makes
  a comparison: validation and the choice of an epoch, records, a fate for each run that fails, and reports.
"""


SLOPES = """
- **runs**: a quarter of what a further run costs is spent by the process that was started, on one core:
  Hydra's composing and `run_job`, the key, the record. The rest is arithmetic, one process a core. Packs are
  of one size, so a further run costs the same from 100 to 1,000, 24 ms. From there to 10,000 it is 32: beyond
  2,000 a job's config is not kept but composed again, four times at 1.2 ms (three times since this was
  measured), and what was made of it is garbage, 2 ms to collect; that is 6 of the 8. Memory grows by .13 MiB
  for each of 2,000 configs that are held, and by little beyond.
- **rows**: as many updates as rows, each of the same cost: a straight line from 10,000 on, where the start
  counts no more.
- **width**: next to nothing up to 64, where a step waits for calls and not for products; then with its
  square.
- **losses**: members of one loss are computed together, so each loss adds its own calls to every step.
"""


def number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.1f}"


def percent(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.0f}"


def seconds(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"


# Columns of results.csv beside the seconds: their titles, and how their numbers are written.
SHOWN: dict[str, tuple[str, Callable[[float], str]]] = {
    "peak_mib": ("memory, MiB", "{:.0f}".format),
    "together_mib": ("of all processes, MiB", "{:.0f}".format),
    "waiting_percent": ("waiting for data, %", number),
    "training_seconds": ("training alone, s", seconds),
    "gpu_mib": ("memory of the GPU, MiB", "{:.0f}".format),
    "gpu_percent": ("GPU at work, %", percent),
}


def write(results: pd.DataFrame) -> None:
    """Write both files beside this one."""
    results = results.reindex(columns=[*dict.fromkeys([*results.columns, *SHOWN])])
    medians = results.groupby(["part", "competitor", "runs"], sort=False)[["seconds", *SHOWN]].median()
    table = medians.reset_index()
    repetitions = results.groupby(["part", "competitor", "runs"]).size()
    text = [INTRODUCTION.format(repetitions=span(repetitions))]
    # Those of a GPU, whose keys are words, last.
    for key, rows in sorted(results.groupby("part", sort=False), key=lambda part: len(str(part[0])) > 1):
        head = rows.iloc[0]
        text.append(f"## {'' if len(str(key)) > 1 else f'({key}) '}{head['title']}\n")
        if isinstance(head["words"], str):
            text.append(f"{head['words']}.\n")
        mine = table[table["part"] == key].drop(columns="part")
        if key == "a":
            text += [markdown(extended(mine, int(head["full"]))), COMPETITORS]
        elif key == GROWTH:
            text += [markdown(grown(mine)), SLOPES, "![seconds as work grows](growth.svg)\n"]
        else:
            text.append(markdown(plain(mine)))
        text.append(f"{head['machine']}; {head['versions']}.\n")
    (HERE / "README.md").write_text("\n".join(text))
    draw(table, results)
    draw_growth(table[table["part"] == GROWTH])


def span(repetitions: pd.Series[int]) -> str:
    low, high = repetitions.min(), repetitions.max()
    return str(low) if low == high else f"{low} to {high}"


def extended(table: pd.DataFrame, full: int) -> pd.DataFrame:
    """Each competitor at `full` runs: measured there, or its largest size plus its cost per further run."""
    rows = []
    for name, sizes in table.groupby("competitor", sort=False):
        few, many = sizes.sort_values("runs").iloc[0], sizes.sort_values("runs").iloc[-1]
        further = (many["seconds"] - few["seconds"]) / (many["runs"] - few["runs"])
        measured = sizes[sizes["runs"] == full]
        seconds = measured["seconds"].iloc[0] if len(measured) else None
        rows.append(
            {
                "": name,
                f"{full} runs, s": seconds or many["seconds"] + (full - many["runs"]) * further,
                "each further run, s": further,
                "timed at": f"{few['runs']} and {many['runs']} runs" + ("" if seconds else ", extended"),
            }
        )
    ours = rows[0]
    for row in rows:
        for column in (f"{full} runs, s", "each further run, s"):
            row[f"{column.removesuffix(', s')}, times lossbench"] = f"{row[column] / ours[column]:.1f}"
    for row in rows:
        row[f"{full} runs, s"] = f"{row[f'{full} runs, s']:.1f}"
        row["each further run, s"] = f"{row['each further run, s']:.3f}"
    return pd.DataFrame(rows)


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """Seconds, cost of each further run since the size before, and memory."""
    shown = pd.DataFrame({"": table["competitor"], "runs": table["runs"]})
    shown["seconds"] = table["seconds"].map("{:.2f}".format)
    each = further(table)
    if each.notna().any():
        shown["each further run, ms"] = each.map(number)
    elif table["competitor"].iloc[0] == parts.OURS:
        shown["times lossbench"] = (table["seconds"] / table["seconds"].iloc[0]).map("{:.2f}".format)
    for column, (title, spelled) in SHOWN.items():
        if table[column].notna().any():
            shown[title] = table[column].map(spelled)
    return shown


def further(table: pd.DataFrame) -> pd.Series[float]:
    """Milliseconds of each further one since the size before; of training, where that is told."""
    took = "training_seconds" if table["training_seconds"].notna().any() else "seconds"
    steps = table.groupby("competitor", sort=False)[[took, "runs"]].diff()
    return 1000 * steps[took] / steps["runs"]


def grown(table: pd.DataFrame) -> pd.DataFrame:
    """Seconds and memory of each size of what grows, and what each further one of it costs."""
    shown = pd.DataFrame({"what grows": table["competitor"], "to": table["runs"].map("{:,}".format)})
    shown["seconds"] = table["seconds"].map("{:.1f}".format)
    shown["each further one, ms"] = further(table).map(milliseconds)
    for column in ("peak_mib", "together_mib"):
        title, spelled = SHOWN[column]
        shown[title] = table[column].map(lambda value, spelled=spelled: spelled(value) if value else "")
    return shown


def milliseconds(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3g}"


def markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---", *["---:"] * (table.shape[1] - 1)], *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def draw(table: pd.DataFrame, results: pd.DataFrame) -> None:
    """Left: part (a); right: seconds against members of part (d). Readable in black and white."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), width_ratios=(3, 2), layout="constrained")
    whole = table[table["part"] == "a"]
    if len(whole):
        full = int(results.loc[results["part"] == "a", "full"].iloc[0])
        shown = extended(whole, full).iloc[::-1]
        seconds = shown[f"{full} runs, s"].astype(float)
        bars = left.barh(shown[""], seconds, color=["0.75"] * (len(shown) - 1) + ["0.2"])
        left.bar_label(bars, [f"{value:.0f} s" for value in seconds], padding=3)
        left.set(title=f"{full} runs, from the shell to the last row", xlabel="seconds")
        left.margins(x=0.12)
    members = table[table["part"] == "d"]
    if len(members):
        right.plot(members["runs"], members["seconds"], "o-", color="0.2")
        right.set(title="members of one pack", xlabel="members", ylabel="seconds", xscale="log", yscale="log")
        right.set_xticks(members["runs"], members["runs"].map("{:,}".format))
        right.set_yticks(*((5, 10, 20, 40),) * 2)
        right.minorticks_off()
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(HERE / "speed.png", dpi=150)
    plt.close(figure)


def draw_growth(table: pd.DataFrame) -> None:
    """Seconds against each thing that grows; both axes in decades."""
    if not len(table):
        return
    curves = list(table.groupby("competitor", sort=False))
    figure, panels = plt.subplots(
        1, len(curves), figsize=(2.7 * len(curves), 2.6), sharey=True, layout="constrained"
    )
    for axes, (name, sizes) in zip(panels, curves, strict=True):
        axes.plot(sizes["runs"], sizes["seconds"], "o-", color="0.2")
        axes.set(xlabel=name, xscale="log", yscale="log")
        axes.set_xticks(sizes["runs"], [f"{size:,}" for size in sizes["runs"]], fontsize="small")
        axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9")
    panels[0].set(ylabel="seconds")
    figure.savefig(HERE / "growth.svg", metadata={"Date": None})
    plt.close(figure)
