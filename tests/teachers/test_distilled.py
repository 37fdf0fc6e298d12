"""Data with a teacher: what students see, what the teacher has seen, and when it is trained."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lossbench.data.cache import DataCache
from lossbench.data.mnist_5k import MNIST5k
from lossbench.data.source import DataSet
from lossbench.errors import InputError
from lossbench.job import Job
from lossbench.losses.cce import CCE
from lossbench.pack.baselines import measured
from lossbench.pack.engine import build_modules
from lossbench.task import Target
from lossbench.teachers import lesson
from lossbench.teachers.distilled import Distilled
from lossbench.teachers.lesson import Jittered, member, place, said_in, taught

SIZES = {"train_size": 120, "val_size": 60, "test_size": 60}
TEACHER = {"model": {"name": "mlp", "hidden": [16]}, "trainer": {"max_epochs": 3}}


def distilled(**knobs: Any) -> Distilled:
    return Distilled(**{"name": "distilled", "knobs": SIZES, "teacher": TEACHER, **knobs})


def loaded(source: Distilled, seed: int = 0) -> DataSet:
    data = DataCache().load(source, seed, "image")
    assert isinstance(data, DataSet)
    return data


def test_each_example_keeps_its_label_and_gains_the_teachers_logits() -> None:
    data, plain = loaded(distilled()), MNIST5k(name="mnist_5k", **SIZES).held(0)
    assert distilled().targets() == (*MNIST5k(name="mnist_5k").targets(), Target("teacher", 10))
    for part in ("train", "val", "test"):
        own, theirs = getattr(data, part), getattr(plain, part)
        assert torch.equal(own.rows, theirs.rows)
        assert torch.equal(own.targets["multiclass"], theirs.targets["multiclass"])
        assert own.targets["teacher"].shape == (len(own), 10)
    said = data.train.targets["teacher"].argmax(-1)
    assert (said == data.train.targets["multiclass"]).double().mean() > 0.5  # it has learned something


def test_a_class_that_is_left_out_is_left_out_of_what_students_train_on_alone() -> None:
    whole, without = loaded(distilled()), loaded(distilled(without=3))
    left = whole.train.targets["multiclass"] != 3
    assert 100 < int(left.sum()) < 120
    assert torch.equal(without.train.rows, whole.train.rows[left])
    assert torch.equal(without.train.targets["teacher"], whole.train.targets["teacher"][left])
    assert (without.val.targets["multiclass"] == 3).any()
    assert (without.test.targets["multiclass"] == 3).any()
    assert torch.equal(without.test.targets["teacher"], whole.test.targets["teacher"])  # of one teacher
    assert without.description.sizes["train"] == len(without.train)
    assert distilled(without=3).part_sizes(0) == (len(without.train),)


def test_a_teacher_is_trained_once_and_read_from_the_cache_then(monkeypatch: pytest.MonkeyPatch) -> None:
    first = loaded(distilled(), 1)
    monkeypatch.setattr(lesson, "_trained", lambda *_: pytest.fail("it is trained again"))
    assert torch.equal(loaded(distilled(), 1).test.targets["teacher"], first.test.targets["teacher"])
    loaded(distilled(without=2), 1)  # of the same teacher


def test_a_teacher_that_is_trained_anew_says_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    source = distilled(
        teacher={**TEACHER, "model": {"name": "mlp", "hidden": [12], "dropout": 0.5}, "jitter": 1}
    )
    first = taught(source.source, source.recipe, 0)
    place(source.fingerprint(0)).unlink()
    torch.manual_seed(7)  # whatever the process has drawn
    again = taught(source.source, source.recipe, 0)
    assert again.wrong == first.wrong
    assert all(torch.equal(own, first.logits[part]) for part, own in again.logits.items())


def test_what_makes_a_teacher_makes_its_fingerprint_and_what_students_see_does_not() -> None:
    known = distilled().fingerprint(0)
    assert distilled(without=3).fingerprint(0) == known
    assert distilled(teacher={**TEACHER, "loss": "cce"}).fingerprint(0) == known  # as it is anyway
    others = [
        distilled().fingerprint(1),
        distilled(knobs={**SIZES, "label_noise": 0.1}).fingerprint(0),
        distilled(teacher={**TEACHER, "jitter": 1}).fingerprint(0),
        distilled(teacher={**TEACHER, "loss": {"label_smoothing": 0.1}}).fingerprint(0),
        distilled(teacher={**TEACHER, "optimizer": {"lr": 0.01}}).fingerprint(0),
    ]
    assert len({known, *others}) == 6


def test_a_student_built_as_the_teacher_begins_with_other_weights() -> None:
    source = distilled()
    teacher = member(source.source, source.recipe, 0)
    student = dataclasses.replace(teacher, seed=0)
    one, other = (build_modules([own], loaded(source).description.inputs)[0] for own in (teacher, student))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_validation_chooses_the_teacher_and_the_test_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """With other test labels it says the same."""
    source = distilled(teacher={**TEACHER, "model": {"name": "mlp", "hidden": [14]}})
    before = taught(source.source, source.recipe, 0)
    load = MNIST5k.held

    def relabelled(self: MNIST5k, seed: int) -> DataSet:
        data = load(self, seed)
        test = {kind: 9 - own for kind, own in data.test.targets.items()}
        return dataclasses.replace(data, test=dataclasses.replace(data.test, targets=test))

    place(source.fingerprint(0)).unlink()
    monkeypatch.setattr(MNIST5k, "held", relabelled)
    after = taught(source.source, source.recipe, 0)
    assert torch.equal(after.logits["test"], before.logits["test"])
    assert after.wrong["val"] == before.wrong["val"]
    assert after.wrong["test"] != before.wrong["test"]


def test_the_teacher_is_a_baseline_which_agrees_with_itself() -> None:
    source = distilled()
    data = loaded(source)
    found = measured(source, data, "teacher")
    assert found["test/agreement"] == 1
    wrong = said_in(place(source.fingerprint(0))).wrong["test"]
    assert found["test/accuracy"] == pytest.approx(1 - wrong)


def test_jitter_moves_images_and_what_comes_in_is_as_the_border() -> None:
    images = torch.zeros(50, 1, 6, 6) - 0.4
    images[:, :, 3, 2] = 1.0
    moved, _ = Jittered(2)(images, {}, torch.Generator().manual_seed(0))
    places = moved.flatten(1).argmax(-1)
    assert len(places.unique()) > 10
    assert ((places // 6 - 3).abs() <= 2).all()
    assert ((places % 6 - 2).abs() <= 2).all()
    assert moved.min() == images.min()
    assert (moved.flatten(1) == 1).sum(-1).eq(1).all()


def test_a_teacher_of_two_classes_has_two_logits(tmp_path: Path) -> None:
    table = tmp_path / "two.csv"
    rows = [f"{x},{x % 7},{'yes' if x % 7 > 3 else 'no'}" for x in range(80)]
    table.write_text("\n".join(["a,b,y", *rows]))
    source = distilled(of="table", knobs={"path": str(table), "target": "y"})
    data = DataCache().load(source, 0, "vector")
    assert isinstance(data, DataSet)
    assert data.test.targets["teacher"].shape == (len(data.test), 2)
    assert source.fingerprint(0) == distilled(
        of="table", knobs={"path": os.path.relpath(table), "target": "y"}
    ).fingerprint(0)  # wherever it lies


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"teacher": None}, "has no teacher: name a model"),
        ({"teacher": {"jitter": 1}}, "a teacher without a model"),
        ({"teacher": {"model": "mpl"}}, "names mpl, which is no model .did you mean 'mlp'"),
        ({"teacher": {**TEACHER, "lr": 0.1}}, "data.teacher.lr is no part of a teacher"),
        ({"teacher": {**TEACHER, "jitter": -1}}, "jitter must be a whole number of pixels"),
        ({"teacher": {**TEACHER, "trainer": {"max_epochs": 0}}}, "data.teacher.trainer: trainer.max_epochs"),
        ({"teacher": 3}, "must say what is trained"),
        ({"of": "outliers", "knobs": None}, "has no class for each example"),
        ({"of": "shakespeare", "knobs": None}, "has no class for each example"),
        ({"of": "distilled"}, "must name another data set"),
        ({"of": "minst"}, "names minst, which is no data"),
        ({"knobs": 3}, "data.knobs must hold knobs"),
        ({"knobs": {"train_size": 9}}, "data.train_size must be at least 10"),
        ({"without": 10}, "is no class of mnist_5k: name one of 0 to 9"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(knobs: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        distilled(**knobs)
    assert "\n" not in str(refused.value)


def test_a_teacher_that_cannot_read_the_data_or_move_it_is_refused() -> None:
    for teacher, told in (
        ({"model": "text"}, "Of the teacher: model=text cannot read data=mnist_5k"),
        ({"model": "mlp", "loss": "elbow"}, "names elbow, which is no loss"),
        ({**TEACHER, "optimizer": {"lr": 1e30}}, "has diverged"),
    ):
        with pytest.raises(InputError, match=told):
            loaded(distilled(teacher=teacher))


def test_the_teachers_loss_may_smooth_labels() -> None:
    source = distilled(teacher={**TEACHER, "loss": {"label_smoothing": 0.2}})
    assert source.recipe.choices["loss"] == CCE(label_smoothing=0.2)


def test_a_loss_that_needs_a_teacher_says_where_one_is(jobs: Callable[..., list[Job]]) -> None:
    from lossbench.pack.plan import plan

    (job,) = jobs(["data=distilled", "loss=distillation"])
    plain = dataclasses.replace(job.member, source=MNIST5k(name="mnist_5k", **SIZES))
    with pytest.raises(InputError, match="choose data=distilled, whose teacher gives it"):
        plan([dataclasses.replace(job, member=plain)], 1, 1)
