"""Task units: a constant added to every target, or a factor, changes nothing but the last digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from lossbench.claims.claim import Experiment
from lossbench.data import sentiment, text_source
from lossbench.data.outliers import Outliers
from lossbench.data.rated_sentences import Rated
from lossbench.data.table import Table
from lossbench.job import Job, Member
from lossbench.losses.huber import Huber
from lossbench.losses.loss import Loss
from lossbench.losses.mae import MAE
from lossbench.losses.mse import MSE
from lossbench.losses.pinball import Pinball
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.report.advice import advice
from lossbench.verdicts.build import build

Compose = Callable[..., list[Job]]
Patch = pytest.MonkeyPatch
Floats = npt.NDArray[np.float64]

UNITS = [(1.0, 1e7), (1.0, 1.7e9), (1.0, 1e12), (1e-6, 0.0), (1e6, 0.0), (1e6, 1e12)]
LOSSES: tuple[Loss, ...] = (MSE(), MAE(), Huber())
IN_UNITS = ("mae", "rmse", "median_ae")


@dataclass(frozen=True)
class Moved:
    """Targets in other units; multiples of 1/64, which stay exact in double precision with 1e12 added."""

    factor: float = 1.0
    constant: float = 0.0

    def __call__(self, targets: Any) -> Floats:
        values: Floats = np.round(np.asarray(targets, dtype=np.float64) * 64) / 64
        return values * self.factor + self.constant


def table(moved: Moved, folder: Path, patch: Patch) -> str:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 120))
    y = moved(3 * a + 0.5 * b + 0.3 * generator.normal(size=120))
    path = folder / "t.csv"
    pd.DataFrame({"a": a, "b": b, "y": [repr(float(value)) for value in y]}).to_csv(path, index=False)
    return f"data=csv data.path={path} data.target=y model=linear"


def outliers(moved: Moved, folder: Path, patch: Patch) -> str:
    made = Outliers._targets

    def targets(source: Outliers, seed: int) -> dict[str, Floats]:
        return {split: moved(values) for split, values in made(source, seed).items()}

    patch.setattr(Outliers, "_targets", targets)
    return "model=linear data.train_size=96 data.val_size=40 data.test_size=50"


def sentences(moved: Moved, folder: Path, patch: Patch) -> str:
    @dataclass(frozen=True)
    class Elsewhere(Rated):
        @property
        def mean(self) -> float:  # all of one sign, so that the split is the same
            return float(moved([super().mean + 8])[0])

    generator = np.random.default_rng(0)
    words = np.array(["good", "bad", "fine", "dull", "long", "plot"])
    rated = []
    for chosen in generator.integers(0, 6, (120, 4)):
        centre = 4 + int((chosen == 0).sum() - (chosen == 1).sum())
        counts = np.bincount(np.clip(centre + generator.integers(-2, 3, 15), 0, 8), minlength=9)
        rated.append(Elsewhere(" ".join(words[chosen]), tuple(map(int, counts))))
    sentiment._sentences.cache_clear()
    text_source._inputs.cache_clear()
    patch.setattr(sentiment, "read_rated", lambda source: tuple(rated))
    return "data=sentiment data.vocabulary=12 data.min_count=1 data.length=4 model=text model.word_size=4"


@pytest.fixture(autouse=True)
def _fresh_sentences() -> Any:
    yield
    sentiment._sentences.cache_clear()
    text_source._inputs.cache_clear()


DATA = {"csv": table, "outliers": outliers, "sentiment": sentences}


def trained(jobs: Compose, data: str, losses: Sequence[Loss] = LOSSES) -> list[MemberResult]:
    (job,) = jobs(f"{data} trainer.max_epochs=3 trainer.batch_size=32 optimizer.lr=0.03", small=False)
    return fit([replace(job.member, loss=loss) for loss in losses], "vmap")


@pytest.fixture(scope="module")
def as_they_are(jobs: Compose, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[MemberResult]]:
    """What each data set gives in its own units."""
    found = {}
    for name, data in DATA.items():
        with pytest.MonkeyPatch.context() as patch:
            found[name] = trained(jobs, data(Moved(), tmp_path_factory.mktemp(name), patch))
    return found


@pytest.mark.parametrize(("factor", "constant"), UNITS)
@pytest.mark.parametrize("data", DATA)
def test_other_units_of_the_target_change_nothing_but_the_last_digits(
    jobs: Compose,
    as_they_are: dict[str, list[MemberResult]],
    tmp_path: Path,
    monkeypatch: Patch,
    data: str,
    factor: float,
    constant: float,
) -> None:
    with monkeypatch.context() as patch:
        after = trained(jobs, DATA[data](Moved(factor, constant), tmp_path, patch))
    for one, other in zip(as_they_are[data], after, strict=True):
        assert other.metrics["val_best/epoch"] == one.metrics["val_best/epoch"]
        for split in ("val_best", "test"):
            for name in IN_UNITS:
                expected = abs(factor) * one.metrics[f"{split}/{name}"]
                assert other.metrics[f"{split}/{name}"] == pytest.approx(expected, rel=2e-4)
            assert other.metrics[f"{split}/r2"] == pytest.approx(one.metrics[f"{split}/r2"], abs=1e-4)
        for (_, loss), (_, again) in zip(one.history["train/loss"], other.history["train/loss"], strict=True):
            assert again == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("data", DATA)
def test_a_constant_that_is_exact_changes_no_bit_of_what_a_loss_sees(
    jobs: Compose,
    as_they_are: dict[str, list[MemberResult]],
    tmp_path: Path,
    monkeypatch: Patch,
    data: str,
) -> None:
    results = trained(jobs, DATA[data](Moved(1.0, 2.0**30), tmp_path, monkeypatch))
    curves = [result.history["train/loss"] for result in results]
    assert curves == [result.history["train/loss"] for result in as_they_are[data]]


def test_units_change_neither_the_chosen_rate_nor_the_advice(
    jobs: Compose, tmp_path: Path, monkeypatch: Patch
) -> None:
    told, chosen = [], []
    for factor, constant in [(1.0, 0.0), (1.0, 1.7e9), (1e-6, 0.0)]:
        data = table(Moved(factor, constant), tmp_path, monkeypatch)
        (job,) = jobs(f"{data} trainer.max_epochs=4 trainer.batch_size=32", small=False)
        report = build(Experiment("units", judge="mae", select="mae"), _runs(job.member))
        mean = report.chosen.groupby("loss.name")["test/mae"].mean().min()
        (line,) = advice(report)
        told.append(line.partition(" (")[0] + line.partition(" seeds)")[2])
        chosen.append((dict(report.chosen.groupby("loss.name")["optimizer.lr"].first()), mean / factor))
    assert told[0] == told[1] == told[2]
    assert chosen[0][0] == chosen[1][0] == chosen[2][0]
    assert [mean for _, mean in chosen] == pytest.approx([chosen[0][1]] * 3, rel=1e-3)


def _runs(first: Member) -> pd.DataFrame:
    """Three losses, two rates and seven seeds, as the report reads runs."""
    members = [
        replace(first, loss=loss, seed=seed, optimizer=replace(first.optimizer, lr=rate))
        for loss in LOSSES
        for rate in (0.003, 0.03)
        for seed in range(7)
    ]
    rows = []
    for number, (member, result) in enumerate(zip(members, fit(members, "vmap"), strict=True)):
        rows.append(
            {
                "run_id": f"{number:032x}",
                "status": "FINISHED",
                "outcome": result.outcome,
                "reason": None,
                "started": pd.Timestamp("2026-01-01") + pd.Timedelta(seconds=number),
                "seconds": 1.0,
                "seed": member.seed,
                "data.name": "csv",
                "model.name": "linear",
                "loss.name": member.loss.name,
                "optimizer.lr": member.optimizer.lr,
                **result.metrics,
            }
        )
    return pd.DataFrame(rows)


def test_stored_predictions_keep_the_digits_of_far_targets(
    jobs: Compose, tmp_path: Path, monkeypatch: Patch
) -> None:
    (result,) = trained(jobs, table(Moved(1.0, 1.7e9), tmp_path, monkeypatch), LOSSES[:1])
    arrays = result.predictions
    assert arrays is not None
    error = np.abs(arrays["value"] - arrays["target_continuous"])
    assert error.mean() == pytest.approx(result.metrics["test/mae"], rel=1e-9)
    assert len(np.unique(error)) > 20  # in single precision all errors are multiples of 128


@pytest.mark.parametrize(("factor", "constant"), [(1.0, 1.7e9), (1e-6, 0.0)])
def test_several_quantiles_are_in_units_of_the_target_and_the_median_is_the_value(
    jobs: Compose, tmp_path: Path, monkeypatch: Patch, factor: float, constant: float
) -> None:
    losses = (Pinball(levels=(0.1, 0.5, 0.9)), Pinball(level=0.3), Pinball(level=0.5))
    plain = trained(jobs, table(Moved(), tmp_path, monkeypatch), losses)
    moved = trained(jobs, table(Moved(factor, constant), tmp_path, monkeypatch), losses)
    before, after = plain[0].predictions, moved[0].predictions
    assert before is not None
    assert after is not None
    assert before["quantiles"].shape == (*before["value"].shape, 3)
    assert np.array_equal(after["quantiles"][..., 1], after["value"])
    rows = (after["quantiles"] - constant) / factor
    np.testing.assert_allclose(rows, before["quantiles"], rtol=1e-4, atol=1e-4)
    assert "quantiles" not in plain[1].predictions  # type: ignore[operator]


@pytest.mark.parametrize("start", ["9007199254740993", "1700000000000", "-4503599627370497"])
def test_a_feature_far_from_zero_is_standardised(tmp_path: Path, start: str) -> None:
    rows = np.arange(200) * 7 % 200  # in no order: numbers of the rows would be left out
    frame = pd.DataFrame({"a": [str(int(start) + int(row)) for row in rows], "y": rows * 0.5 + 1})
    frame.to_csv(tmp_path / "far.csv", index=False)
    frame.assign(a=rows).to_csv(tmp_path / "near.csv", index=False)
    data = [
        Table(name="csv", path=str(tmp_path / name), target="y").load(0, "vector")
        for name in ("far.csv", "near.csv")
    ]
    torch.testing.assert_close(data[0].inputs, data[1].inputs, atol=0.03, rtol=0)  # even numbers in double
    assert data[0].inputs[data[0].train.rows].std().item() == pytest.approx(1, abs=0.01)
