"""A table of bad commands: each is refused with one sentence that names the fault and the remedy.

They go through Hydra's own composition and `train_many`, in this process; tests/cli/test_app.py types some of
them at the real program.
"""

from __future__ import annotations

import copy
import functools
import itertools
import os
import re
import shlex
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from lossbench.cli.refusals import is_told, sentence
from lossbench.config.chosen import check_chosen
from lossbench.errors import InputError
from lossbench.job import jobs_from
from lossbench.train import train_many

pytestmark = pytest.mark.usefixtures("composing")

Refuse = Callable[[str], str]

LOSSES = "known: bce, berhu, "
PARTS = "known: data, experiment, "
FORM = "is not of the form key=value; write it as in loss=huber"
SEED = "seed must be a whole number from 0 to 2147483647; got "

# command line -> words of the sentence
LINEAR = "model=module model.module._target_=torch.nn.Linear"
NAMES = {
    "data=mnist_5k loss=focal loss.alpha=0.1": "loss.alpha is no knob of loss=focal (did you mean 'loss.fun",
    "data=mnist_5k loss=focal +loss.alpha=0.1": "loss=focal (did you mean 'loss.function.alpha'? known: ",
    "data=mnist_5k loss=focal loss.function.alfa=1": "is no knob of loss.function (did you mean 'alpha'?",
    "loss.function.alpha=0.1": "loss.function is no knob of loss=mse (known: softmax); loss=focal has it",
    "lr=0.01": "lr is called otherwise here: write optimizer.lr=0.01.",
    "epochs=5": "epochs is called otherwise here: write trainer.max_epochs=5.",
    "losses=mse": "losses is called otherwise here: write loss=mse.",
    "seeds=10": "seeds is called otherwise here: write 'seed=range(0,10)'.",
    "loss=L1Loss": "loss=L1Loss is unknown; write loss=mae.",
    "loss=triplet_loss": "loss=triplet_loss is unknown; write loss=triplet.",
    "model=lstm": "model=lstm is unknown; write model=rnn model.cell=lstm.",
    "model=resnet50": "model=resnet50 is unknown; write model=backbone model.architecture=resnet50.",
    "data=mine.csv": "data=mine.csv is unknown; write data=table data.path=mine.csv data.target=COLUMN.",
    "loss=hubber": f"loss=hubber is unknown (did you mean 'huber'? {LOSSES}",
    "loss=Huber": "did you mean 'huber'?",
    "loss=": f"loss= names nothing ({LOSSES}",
    "loss=../model/mlp": "loss=mlp: lossbench.models.mlp.MLP gives no Loss; name a dataclass that extends ",
    "model=../loss/mse": "model=mse: lossbench.losses.mse.MSE gives no Model; name a dataclass that extends ",
    "optimizer=5": "optimizer=5 names no choice (known: adagrad, adam, adamw, sgd)",
    "optimizer=true": "optimizer=true names no choice (known: adagrad, adam, adamw, sgd)",
    "hydra=5": "hydra=5 does not fit; set one of its keys, as in hydra.run.dir=FOLDER",
    "loss=null": "loss cannot be null; name a choice, or leave loss= out for the default",
    "loss=[mse,mae]": "loss takes one name, not a list; to sweep over several write -m loss=one,other",
    "loss={a:1}": "loss.a is no knob of loss=mse (known: softmax)",
    "data=mnist5k": "data=mnist5k is unknown (did you mean 'mnist_5k'? known: ",
    "model=mpl": "did you mean 'mlp'? known: backbone, cnn, linear, mlp, module, nlinear, ",
    "optimizer=adm": "did you mean 'adam'? known: adagrad, adam, adamw, sgd",
    "trainer=defualt": "did you mean 'default'?",
    "experiment=demo_outlier": "did you mean 'demo_outliers'?",
    "experiment=null": "leave experiment= out for the default",
    "hydra/launcher=packs": "hydra/launcher=packs is unknown (did you mean 'pack'? known: basic, local, ",
    "los=huber": f"los is no part of the config (did you mean 'loss'? {PARTS}",
    "los.delta=1": "los.delta is no part of the config (did you mean 'loss'?",
    "foo=1": f"foo is no part of the config ({PARTS}",
    "+foo=1": "foo is no part of the config (known: ",
    "+trainr.max_epochs=3": "trainr is no part of the config (did you mean 'trainer'?",
    "max_epochs=3": "max_epochs is called otherwise here: write trainer.max_epochs=3.",
    "loss.delta=2": "loss.delta is no knob of loss=mse (known: softmax); loss=huber has it",
    "loss=huber loss.dleta=2": "loss.dleta is no knob of loss=huber (did you mean 'delta'? known: delta, ",
    "loss=huber +loss.dleta=2": "loss.dleta is no knob of loss=huber (did you mean 'delta'? known: delta, ",
    "data=sentiment model=text loss=bce +loss.foo=1": "loss.foo is no knob of loss=bce (known: pos_weight)",
    "optimizer.momentum=0.5": "is no knob of optimizer=adam (known: beta1, ",
    "data=mnist_5k loss=cce data.contamination=0.1": "data=appliances has it",
    "data.root.x=1 data=mnist": "data.root.x is no knob of data.root, which has none",
    "pack.mod=loop": "pack.mod is no knob of pack (did you mean 'mode'? known: ",
    "tracking.url=x": "tracking.url is no knob of tracking (did you mean 'uri'?",
    "+tracking.url=x": "tracking.url is no knob of tracking (did you mean 'uri'?",
    "experiment.nam=x": "did you mean 'name'?",
    "+experiment.jugde=rmse": "experiment.jugde is not known (did you mean 'judge'?",
    "~loss": "loss is not chosen; name one, as in loss=bce",
    "~seed": SEED + "null",
    "~loss.delta": "~loss.delta deletes what this config does not have; leave it out",
    "~loss=huber": "deletes what this config does not have",
    "+loss=mae": "loss is chosen already; write loss=... without +",
    "loss=huber +loss.delta=2": "loss.delta is there already; write loss.delta=... without +.",
    "loss@aux=mae": "loss@aux is no part of the config",
    "~data.name": "data.name would only relabel data=outliers; to choose another write data=NAME (known: ",
    "loss.name=": "loss.name would only relabel loss=mse; to choose another write loss=NAME (known: bce, ",
    "loss.name=huber": "loss.name would only relabel loss=mse; to choose another write loss=huber (in ",
    "loss.name=mse": "loss.name=mse names what loss=mse is called anyway; leave it out, and to sweep over ",
    "trainer.name=foo": "to choose another write trainer=NAME (known: default), or write trainer/",
    "++optimizer.name=sgd": "would only relabel optimizer=adam; to choose another write optimizer=sgd (in a ",
}
FORMS = {
    "huber": f"'huber' {FORM}",
    "loss huber": f"'loss' {FORM}",
    "loss==huber": FORM,
    "loss:huber": FORM,
    "data.contamination=[": FORM,
    "data.contamination=1}": FORM,
    "=huber": "An override has no name; write key=value",
    "loss=mse,mae": "loss=mse,mae names several values; add -m to sweep over them",
    "seed=range(0,3)": "seed=range(0,3) names several values; add -m to sweep over them",
    "seed=${nope}": "seed cannot be resolved (Interpolation key 'nope' not found): give it a value",
    "seed=${seed}": "seed cannot be resolved (Recursive interpolation detected): give it a value",
    "seed=???": "seed cannot be resolved (Missing mandatory value: seed): give it a value",
    "hydra.launcher.n_jobs=a": "hydra.launcher.n_jobs=a does not fit (Value 'a' of type 'str' could not be ",
    "hydra.job.chdir=x": "hydra.job.chdir=x does not fit (Value 'x' is not a valid bool",
}
KNOBS = {
    "seed=-1": SEED + "-1",
    "seed=a": SEED + "'a'",
    "seed=": SEED + "''",
    "seed=1.5": SEED + "1.5",
    "seed=true": SEED + "True",
    "seed=99999999999": SEED + "99999999999",
    "seed=[0,1]": SEED + "[0, 1]; write several for -m as the text 0,1",
    "loss=huber loss.delta=0": "loss.delta must be above 0; got 0",
    "loss=huber loss.delta=nan": "loss.delta must be finite and above 0; got nan",
    "loss=huber loss.delta=-inf": "loss.delta must be finite and above 0; got -inf",
    "loss=huber loss.delta=abc": "loss.delta must be a number; got 'abc'",
    "loss=huber loss.delta=true": "loss.delta must be a number; got True",
    "loss=huber loss.delta=null": "loss.delta must be set; it is null",
    "loss=huber loss.delta=[]": "loss.delta must be a number; got []",
    "loss=huber loss.delta={a:1}": "loss.delta must be a number; got {'a': 1}",
    "data=mnist_5k loss=hinge loss.margin=-1": "loss.margin must be above 0; got -1",
    "data=mnist_5k loss=hinge loss.squared=2": "loss.squared must be true or false; got 2",
    "data=mnist_5k loss=contrastive loss.margin=0": "loss.margin must be above 0; got 0",
    "data=mnist_5k loss=contrastive loss.pairs=all": "(known: balanced, mean)",
    "data=mnist_5k loss=triplet loss.mining=hrad": "did you mean 'hard'?",
    "data=mnist_5k loss=cce loss.label_smoothing=1": "must be at least 0 and below 1; got 1",
    "data=mnist_5k loss=kl loss.label_smoothing=-0.1": "must be at least 0 and below 1; got -0.1",
    "data.contamination=1.5": "data.contamination must be at least 0 and at most 1; got 1.5",
    "data.train_size=0": "data.train_size must be at least 4; got 0",
    "data.train_size=[]": "data.train_size must be a whole number; got []",
    "data.outlier=one-sided": "did you mean 'one_sided'?",
    "data=mnist_5k loss=cce data.label_noise=2": "data.label_noise must be at least 0 and at most 1",
    "optimizer.lr=0": "optimizer.lr must be above 0; got 0",
    "optimizer.lr=nan": "optimizer.lr must be finite and above 0; got nan",
    "optimizer.lr=99999999999999999999": "optimizer.lr must be above 0 and at most 2^63 - 1",
    "optimizer.lr=1e39": "optimizer.lr must be above 0 and at most 1e+30; got 1e+39",
    "optimizer.beta1=1": "optimizer.beta1 must be at least 0 and below 1; got 1",
    "optimizer.schedule=cosinus": "did you mean 'cosine'?",
    "optimizer.clip=0": "optimizer.clip must be above 0; got 0",
    "trainer.batch_size=0": "trainer.batch_size must be at least 1; got 0",
    "trainer.max_epochs=2.5": "trainer.max_epochs must be a whole number; got 2.5",
    "trainer.patience=0": "trainer.patience must be at least 1; got 0",
    "trainer.accelerator=tpu": "did you mean 'gpu'?",
    "model.hidden=[0]": "each item of model.hidden must be at least 1; got 0",
    "model.hidden=64": "model.hidden must be a list, each item a whole number; got 64",
    "model.hidden=[64,null]": "model.hidden must be a list, each item a whole number; got [64, None]",
    "model.dropout=1": "model.dropout must be at least 0 and below 1; got 1",
    "model.embedding_size=0": "model.embedding_size must be at least 1; got 0",
    "pack.mode=vamp": "pack.mode=vamp is not allowed (did you mean 'vmap'?",
    "pack=5": "pack must hold knobs, as in pack.mode=loop; got 5",
    "tracking.resume=maybe": "tracking.resume must be true or false; got 'maybe'",
    f"experiment.name={'x' * 256}": "experiment.name must be one line of at most 255 characters",
    "experiment.name=../up": "experiment.name=../up cannot name the folder of a report; leave out slashes",
    "experiment.name=..": "experiment.name=.. cannot name the folder of a report",
    "experiment.name=Anatomy": "experiment.name=Anatomy is the name of the report without runs; choose",
    "experiment.name=true": "experiment.name must be a text, and was read as True; choose",
    "experiment.name=1e3": "and was read as 1000.0; choose another, or quote it twice, as in",
    "experiment.judge=rmsee": "experiment.judge=rmsee is not a metric (did you mean 'rmse'?",
    "experiment.select=accuracy": "experiment.select=accuracy is not measured on data=outliers; choose",
    "'experiment.name=\"a\tb\"'": "got 3 that begin with 'a\\tb'",
    "+experiment.judge=accuracy": "judge=accuracy is not measured on data=outliers; choose of mae, rmse, ",
    "data=mnist_5k loss=cce +experiment.select=mae": "is not measured on data=mnist_5k; choose of accuracy, ",
    "+experiment.claims=5": "experiment.claims must be a list, each item with id, sentence, source, ",
    "+experiment.judge=[mae]": "experiment.judge=['mae'] is not a metric (did you mean 'mae'? known: ",
    "+experiment.judge={a:b}": "experiment.judge={'a': 'b'} is not a metric (known: abs_rel, accuracy, ",
    "+experiment.judge=acuracy": "experiment.judge=acuracy is not a metric (did you mean 'accuracy'?",
}
CONTRADICTIONS = {
    "optimizer=sgd optimizer.momentum=0 optimizer.nesterov=true": "needs optimizer.momentum above 0",
    "data=mnist_5k loss=cce data.train_size=4000": "add up to 5500; mnist_5k has 5000 images",
    "data=faces loss=cce data.train_people=30": "add up to 46; there are 40 people, so make them smaller",
    "data=sentiment model=text data.val_share=0.5 data.test_share=0.5": "together they must stay below 1",
    "model=module": "model.module._target_ cannot be resolved (Missing mandatory value: _target_): give it a",
    f"{LINEAR} model.module.in_features=3": "not listed in the YAML; write +model.module.in_features=...",
    LINEAR: "torch.nn.Linear lacks model.module.in_features and model.module.out_features: list it in the "
    "YAML, or add +model.module.in_features=...",
    f"{LINEAR} +model.module.in_features=features +model.module.out_features=3": "must give floats (N, 1), "
    "as many as loss=mse asks for; it gave (8, 3) torch.float32 (write the word outputs for the size of its ",
    f"{LINEAR} +model.module.in_features=9 +model.module.out_features=outputs": "model=module cannot be "
    "computed on data=outliers (RuntimeError: mat1 and mat2 shapes cannot be multiplied (8x10 and 9x1)): ",
    "model=cnn": "model=cnn cannot read data=outliers, which gives vector; models that fit: linear, mlp",
    "data=faces loss=cce model=text": "models that fit: backbone, cnn, linear, mlp",
    "data=images model=cnn loss=cce": "data=images needs your images: data.path=photos, a folder with one ",
    "data=images data.path=photos model=cnn loss=cce": "data.path=photos does not exist, seen from ",
    "data=images data.size=[1,2,3]": "data.size must be one number or [height,width]; got [1, 2, 3]",
    "data=mnist_5k loss=cce model=backbone model.frozen=true": "model.weights=null draws them: set model.",
    "data=mnist_5k loss=cce model=backbone model.architecture=resnet19": "(did you mean 'resnet18'? known: ",
    "data=mnist_5k loss=cce model=backbone model.weights=no.pt": "model.weights=no.pt cannot be read (No ",
    "data=text model=text loss=bce": "data=text needs your table, its column of text and the one to predict",
    "data=sentiment model=cnn": "cannot read data=sentiment, which gives tokens or tfidf; models that fit: ",
}
TARGETS = {
    "loss._target_=lossbench.losses.huber.Huber": "loss._target_ would record lossbench.losses.huber.Huber"
    " as loss=mse; choose loss=huber.",
    "++loss._target_=own.Loss": "would record own.Loss as loss=mse; write loss/NAME.yaml with this _target_",
    "'loss={_target_: lossbench.losses.mae.MAE}'": "lossbench.losses.mae.MAE as loss=mse; choose loss=mae.",
    "~optimizer._target_": "optimizer._target_ would record something else as optimizer=adam; write ",
    "data._target_=lossbench.losses.huber.Huber": "would record lossbench.losses.huber.Huber as data=",
    "data=mnist_5k loss=focal loss.function._target_=foo.bar": "No module named 'foo'",
    "data=mnist_5k loss=focal ~loss.meaning": "loss=focal lacks 'meaning': set it in its YAML",
    "data=mnist_5k loss=focal loss.trains_on=[classes]": "cannot train on data=mnist_5k, whose targets ",
    "data=mnist_5k loss=focal loss.meaning=embedding": "must both be embedding, or neither",
}
PLACES = {
    "tracking.uri=foo": "tracking.uri=foo is no database or server address; sqlite:///mlflow.db, ",
    "tracking.uri=ftp://host/db": "is no database or server address",
    "tracking.uri=http://": "names no host",
    "tracking.uri=sqlite://": "names no file",
    "tracking.uri=5": "tracking.uri must be a text; got 5",
    "tracking.uri=http://127.0.0.1:9": "cannot be used: Connection refused; start it, or name another",
    "tracking.uri=sqlite:////dev/null/mlflow.db": "/dev/null/mlflow.db cannot be written (File exists)",
    "data=mnist loss=cce data.root=nowhere": "data.root=nowhere is not a folder: name the one that holds",
    "data=mnist loss=cce data.root=.": "holds no MNIST files: put train-images-idx3-ubyte, ",
    "tracking.uri=sqlite:////": "names a folder; name a file in it, as in sqlite:////mlflow.db",
    "tracking.uri=sqlite:///.": "names a folder; name a file in it",
    f"tracking.uri=sqlite:///{'x' * 300}": "cannot name a file (File name too long); name another",
    "'tracking.uri=\"sqlite:///m.db?mode=ro\"'": "has options behind a question mark, which are not taken",
    "data.train_size=4611686018427387904": "The memory does not suffice (array is too big); make the data, ",
    "data.val_size=9223372036854775807": "The memory does not suffice (array is too big); make the data, ",
    "model.hidden=[9223372036854775807]": "The memory does not suffice (Storage size calculation overflowed",
    "model.hidden=[99999999999]": "The memory does not suffice (you tried to allocate 39999999",
    "data.train_size=9000000000000": "The memory does not suffice (Unable to allocate 655. TiB",
}
ANY = "model=module model.module._target_=torch.nn.Identity"
OWN = {
    "data=series": "data=series needs your file, its column of time and the one to predict: data.path=power",
    "data=series data.path=power.csv data.time=t data.target=y": "data.path=power.csv does not exist, seen",
    "data=series data.horizon=0": "data.horizon must be at least 1; got 0",
    "data=series data.inputs=heat": "one item is typed as 'data.inputs=[heat]'",
    "data=series model=cnn": "cannot read data=series, which gives series or vector; models that fit: ",
    f"data=ratings data.rating=stars {ANY}": "data=ratings needs your file and its columns of users ",
    "data=ratings data.min_user=2": "data.min_user=2 leaves nothing to train of a user, of whom 1 rows test",
    "data=ratings data.task=rate": "data.task=rate needs the column of ratings: name it, as in data.rating=",
    "data=ratings": "model=mlp cannot read data=ratings, which gives user_item; models that fit: towers (",
    f"data=pairs {ANY}": "data=pairs needs your file and its two columns of text",
    "data=pairs data.repeats=once": "data.repeats=once is not allowed (known: anywhere, together)",
    f"data=corpus loss=cce {ANY}": "data=corpus needs your text, a file or a folder of them: data.",
    "data=corpus data.tokens=word": "data.tokens=word is not allowed (did you mean 'words'?",
    "data=corpus loss=cce model=text": "model=text cannot read data=corpus, which gives causal_tokens",
}
TABLE = {
    **NAMES, **FORMS, **KNOBS, **CONTRADICTIONS, **TARGETS, **PLACES, **OWN
}  # fmt: skip


@functools.cache
def in_full(*overrides: str) -> DictConfig:
    """What the program gives to `train_many`; Hydra's own node is checked as the program does."""
    config = compose("config", list(overrides), return_hydra_config=True)
    runtime = config.hydra.runtime
    check_chosen(runtime.choices, config, config.hydra.overrides.task, runtime.config_sources)
    with open_dict(config):
        del config["hydra"]
    return config


def composed(line: str) -> DictConfig:
    """The same, where knobs of chosen groups are set as Hydra sets them, at a twentieth of its time."""
    overrides = shlex.split(line)
    choices = [
        override for override in overrides if re.fullmatch(r"(data|model|loss|optimizer)=\w+", override)
    ]
    values = [override for override in overrides if override not in choices]
    if not all(re.fullmatch(r"(seed|\w+\.(?!name=|_target_=)\w+)=.*", override) for override in values):
        return in_full(*overrides)
    try:
        config = copy.deepcopy(in_full(*choices))
        for parsed in OverridesParser.create().parse_overrides(values):
            assert not parsed.is_sweep_override()
            OmegaConf.update(config, parsed.key_or_group, parsed.value())
    except Exception:  # Hydra has its own words for it
        return in_full(*overrides)
    return config


@pytest.fixture
def refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """The sentence that refuses a command line typed in an empty folder, which stays empty."""
    monkeypatch.chdir(tmp_path)

    def refused(line: str) -> str:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - it must be one that the program tells
            train_many([composed(line)])
        assert is_told(caught.value), caught.value
        told = sentence(caught.value, shlex.split(line))
        assert told.endswith(".")
        assert "\n" not in told
        assert len(told) < 400
        assert not list(tmp_path.iterdir())
        return told

    return refused


@pytest.mark.parametrize(("line", "words"), TABLE.items(), ids=TABLE)
def test_a_bad_command_is_refused_with_a_sentence(line: str, words: str, refuse: Refuse) -> None:
    assert words in refuse(line)


CLAIM = "{id: a, sentence: b, source: c, left: {loss: huber}, right: {loss: mse}, metric: mae}"
# file of a folder of the user's own, what it holds, the command, words of the sentence
FILES = {
    "an experiment without its package": (
        "experiment/mine.yaml",
        "trainer: {max_epochs: 3}\nexperiment: {name: mine}",
        "experiment=mine",
        "begin it with the line '# @package _global_'",
    ),
    "the same, with a choice": (
        "experiment/mine.yaml",
        "defaults: [{override /loss: huber}]\nexperiment: {name: mine}",
        "experiment=mine",
        "begin it with the line '# @package _global_'",
    ),
    "a part of the config that is none": (
        "experiment/mine.yaml",
        "# @package _global_\ntrainr: {max_epochs: 3}",
        "experiment=mine",
        "trainr is no part of the config (did you mean 'trainer'?",
    ),
    "a knob that is none": (
        "experiment/mine.yaml",
        "# @package _global_\ntrainer: {max_epoch: 3}",
        "experiment=mine",
        "trainer.max_epoch is no knob of trainer=default (did you mean 'max_epochs'?",
    ),
    "an unknown choice": (
        "experiment/mine.yaml",
        "# @package _global_\ndefaults: [{override /loss: hubber}]",
        "experiment=mine",
        "loss=hubber is unknown (did you mean 'huber'?",
    ),
    "an unknown group": (
        "experiment/mine.yaml",
        "# @package _global_\ndefaults: [{override /los: huber}]",
        "experiment=mine",
        "los is no group of the config (did you mean 'loss'?",
    ),
    "a claim on an unknown loss": (
        "experiment/mine.yaml",
        f"# @package _global_\nexperiment: {{claims: [{CLAIM.replace('huber', 'hubber')}]}}",
        "experiment=mine",
        "Claim a: left: loss=hubber is not known (did you mean 'huber'?",
    ),
    "a claim on an unknown metric": (
        "experiment/mine.yaml",
        f"# @package _global_\nexperiment: {{claims: [{CLAIM.replace('mae', 'rsme')}]}}",
        "experiment=mine",
        "Claim a: metric=rsme is not a metric (did you mean 'rmse'?",
    ),
    "a claim on an unknown key": (
        "experiment/mine.yaml",
        f"# @package _global_\nexperiment: {{claims: [{CLAIM.replace('{loss: mse}', '{los: mse}')}]}}",
        "experiment=mine",
        "Claim a: right: 'los' is no key of a run (did you mean 'loss'?",
    ),
    "a claim that lacks a part": (
        "experiment/mine.yaml",
        f"# @package _global_\nexperiment: {{claims: [{CLAIM.replace('source: c, ', '')}]}}",
        "experiment=mine",
        "Claim a lacks source",
    ),
    "no YAML": (
        "loss/mine.yaml",
        "name: mine: yours",
        "loss=mine",
        "loss/mine.yaml, line 1, is no valid YAML (mapping values are not allowed here); correct it",
    ),
    "an empty file": ("loss/mine.yaml", "", "loss=mine", "loss is not chosen; name one, as in loss=bce"),
    "a NUL": (
        "experiment/mine.yaml",
        "# @package _global_\na: \0",
        "experiment=mine",
        "experiment/mine.yaml is no valid YAML (the character 0 at position 23); correct it",
    ),
    "another encoding": (
        "loss/mine.yaml",
        "name: \xfcber",
        "loss=mine",
        "loss/mine.yaml is no text in UTF-8 (invalid start byte); save it as UTF-8",
    ),
    "defaults that name themselves": (
        "experiment/mine.yaml",
        "# @package _global_\ndefaults: [mine]",
        "experiment=mine",
        "The defaults of experiment/mine lead back to it; take out of its defaults what names it again",
    ),
    "an anchor within itself": (
        "experiment/mine.yaml",
        "# @package _global_\na: &x [*x]",
        "experiment=mine",
        "experiment/mine.yaml holds itself without end; take the alias (*name) out of",
    ),
    "a list": (
        "experiment/mine.yaml",
        "# @package _global_\n- 1\n- 2",
        "experiment=mine",
        "experiment/mine.yaml holds a list where the config has keys; write key: value, one a line",
    ),
    "a list for the experiment": (
        "experiment/mine.yaml",
        "# @package _global_\nexperiment: [1]",
        "experiment=mine",
        "experiment/mine.yaml holds a list where the config has keys; write key: value, one a line",
    ),
    "a single value": (
        "experiment/mine.yaml",
        "5",
        "experiment=mine",
        "experiment/mine.yaml holds a single value (int); write key: value, one a line",
    ),
    "a choice without override": (
        "experiment/mine.yaml",
        "# @package _global_\ndefaults: [{loss: huber}]",
        "experiment=mine",
        "experiment/loss=huber is unknown; in the defaults of a YAML write override /loss: huber",
    ),
    "a value of the wrong kind": (
        "experiment/mine.yaml",
        "# @package _global_\nhydra: {sweeper: {params: 5}}",
        "experiment=mine",
        "hydra.sweeper.params of experiment/mine.yaml does not fit (Cannot assign int to Dict[str, str])",
    ),
    "bytes": (
        "experiment/mine.yaml",
        "# @package _global_\nloss: {softmax: !!binary aGVsbG8=}",
        "experiment=mine",
        "loss.softmax must be true or false; got b'hello'",
    ),
    "claims that are no list": (
        "experiment/mine.yaml",
        "# @package _global_\nexperiment: {claims: abc}",
        "experiment=mine",
        "experiment.claims must be a list, each item with id, sentence, source, left, right; got 'abc'",
    ),
    "a claim on a metric that the data does not give": (
        "experiment/mine.yaml",
        f"# @package _global_\nexperiment: {{claims: [{CLAIM.replace('mae', 'auroc')}]}}",
        "experiment=mine",
        "Claim a: metric=auroc is not measured on data=outliers; choose of mae, rmse, median_ae, r2",
    ),
    "a claim on a loss that is no name": (
        "experiment/mine.yaml",
        f"# @package _global_\nexperiment: {{claims: [{CLAIM.replace('huber', '{a: 1}')}]}}",
        "experiment=mine",
        "Claim a: left: loss must be one value or a list of values; got {'a': 1}",
    ),
    "a claim on a knob that is no number": (
        "experiment/mine.yaml",
        f"# @package _global_\nexperiment: {{claims: [{CLAIM.replace('loss: mse', 'loss.delta: abc')}]}}",
        "experiment=mine",
        "Claim a: right: loss.delta must be a number; got 'abc'",
    ),
    "a name that is another's": (
        "loss/mine.yaml",
        "_target_: lossbench.losses.huber.Huber\nname: huber\ndelta: 9.0",
        "loss=mine",
        "loss=mine is named 'huber' in a YAML, and its runs would be taken for those of loss=huber: "
        "write name: mine there, or choose loss=huber.",
    ),
    "a name set by an experiment": (
        "experiment/mine.yaml",
        "# @package _global_\nloss: {name: huber}",
        "experiment=mine",
        "loss=mse is named 'huber' in a YAML",
    ),
    "a knob that the file does not list": (
        "loss/mine.yaml",
        "_target_: lossbench.losses.huber.Huber",
        "loss=mine loss.delta=2",
        "loss.delta has its default in its class alone; write +loss.delta=..., or list it in the YAML",
    ),
    "a class set by an experiment": (
        "experiment/mine.yaml",
        "# @package _global_\nloss: {_target_: lossbench.losses.huber.Huber}",
        "experiment=mine",
        "loss._target_ would record lossbench.losses.huber.Huber as loss=mse; choose loss=huber.",
    ),
    "a class that is not there": (
        "loss/mine.yaml",
        "_target_: foo.Bar",
        "loss=mine",
        "loss._target_=foo.Bar cannot be imported (No module named 'foo'); name a class",
    ),
    "a class that its module lacks": (
        "loss/mine.yaml",
        "_target_: lossbench.losses.huber.Nope",
        "loss=mine",
        "has no attribute 'Nope'); name a class as",
    ),
    "a class of another kind": (
        "loss/mine.yaml",
        "_target_: collections.OrderedDict",
        "loss=mine",
        "gives no Loss; name a dataclass that extends lossbench.losses.",
    ),
    "a loss for data": (
        "data/mine.yaml",
        "_target_: lossbench.losses.huber.Huber",
        "data=mine",
        "gives no DataSource; name a dataclass that extends ",
    ),
    "a class that is abstract": (
        "loss/mine.yaml",
        "_target_: lossbench.losses.loss.Loss",
        "loss=mine",
        "lossbench.losses.loss.Loss lacks __call__, outputs, predict: write what",
    ),
    "no class": ("loss/mine.yaml", "name: mine", "loss=mine", "loss=mine names no class: set _target_"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_refused_with_a_sentence(
    case: str, refuse: Refuse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name, content, command, words = FILES[case]
    file = tmp_path_factory.mktemp("folder") / name
    file.parent.mkdir()
    file.write_bytes(content.encode("latin-1"))
    assert words in refuse(f"{command} hydra.searchpath=[file://{file.parents[1]}]")


UNFINISHED = """
from dataclasses import dataclass
from lossbench.losses.loss import Loss

@dataclass(frozen=True, kw_only=True)
class Unfinished(Loss):
    def outputs(self, target, embedding_size): return 1
    def __call__(self, output, target, kind): return output
    def predict(self, output, kind): return None

def fails(name): raise ZeroDivisionError("of no use")
"""


def test_a_class_of_the_user_that_is_unfinished_is_refused(
    refuse: Refuse, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("own")
    (folder / "unfinished_loss.py").write_text(UNFINISHED)
    monkeypatch.syspath_prepend(folder)
    (folder / "loss").mkdir()
    for name, own in {"mine": "Unfinished", "other": "fails"}.items():
        (folder / "loss" / f"{name}.yaml").write_text(f"_target_: unfinished_loss.{own}\n")
    path = f"hydra.searchpath=[file://{folder}]"
    told = refuse(f"loss=mine {path}")
    assert "unfinished_loss.Unfinished does not say its trains_on: set it there" in told
    assert "(of no use): correct its YAML" in refuse(f"loss=other {path}")


def test_the_tables_hold_more_than_a_hundred_inputs() -> None:
    assert len(TABLE) + len(FILES) > 100


def _idx(values: npt.NDArray[np.uint8]) -> bytes:
    header = struct.pack(">4B", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


def _write_mnist(root: Path, labels: int = 10, side: int = 28) -> None:
    for part in ("train", "t10k"):
        (root / f"{part}-images-idx3-ubyte").write_bytes(_idx(np.zeros((40, side, side), np.uint8)))
        (root / f"{part}-labels-idx1-ubyte").write_bytes(_idx(np.arange(40, dtype=np.uint8) % labels))


def test_damaged_files_of_mnist_are_refused_before_a_database_is_made(
    refuse: Refuse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("mnist")
    line = f"data=mnist loss=cce data.root={root} data.val_size=10"
    images = root / "train-images-idx3-ubyte"

    _write_mnist(root)
    images.write_bytes(images.read_bytes()[:-1])
    assert "train-images-idx3-ubyte is cut off: its header promises 31,376 bytes and it" in refuse(line)
    _write_mnist(root, labels=11)
    assert "train-labels-idx1-ubyte holds the label 10: labels must lie in 0..9" in refuse(line)
    _write_mnist(root, side=14)
    assert "holds images of 14 x 14 pixels: they must have 28 x 28" in refuse(line)
    _write_mnist(root)
    images.rename(root / "train-images-idx3-ubyte.gz")
    assert "train-images-idx3-ubyte.gz is damaged" in refuse(line)
    (root / "train-images-idx3-ubyte.gz").unlink()
    assert "lacks MNIST's train-images-idx3-ubyte (raw or .gz): put it there" in refuse(line)


EMBEDDING = {"contrastive": "identity", "triplet": "identity"}
DIGITS = dict.fromkeys(("mse", "mae", "huber", "bce", "cce", "hinge", "kl"), "multiclass") | EMBEDDING
NUMBERS = ("mse", "mae", "huber", "log_cosh", "mape", "smape", "pinball", "quantiles", "berhu", "log_l1")
PAIRS = {
    "outliers": dict.fromkeys(
        ("mse", "mae", "huber", "log_cosh", "mape", "smape", "pinball", "quantiles", "berhu", "log_l1"),
        "continuous",
    ),
    "mnist": DIGITS,
    "mnist_5k": DIGITS,
    "sentiment": {
        **dict.fromkeys(
            ("mse", "mae", "huber", "log_cosh", "mape", "smape", "pinball", "quantiles", "berhu", "log_l1"),
            "continuous",
        ),
        **dict.fromkeys(("bce", "cce", "hinge"), "binary"),
        "kl": "distribution",
        **EMBEDDING,
    },
    "faces": {
        **dict.fromkeys(
            ("bce", "cce", "hinge", "kl", "focal_softmax", "label_smoothing", "z_loss"), "identity"
        ),
        **dict.fromkeys(("info_nce", "cosine_mse"), "identity"),
        **EMBEDDING,
    },
}


@pytest.fixture(scope="module")
def nodes() -> dict[str, DictConfig]:
    """Of every data set and loss of the table, its node of the config, and one whole config."""
    lines = [f"data={name}" for name in PAIRS] + [f"loss={name}" for name in DIGITS]
    found = {line: composed(line)[line.partition("=")[0]] for line in lines}
    return {**found, "all": composed("")}


@pytest.mark.parametrize(("data", "loss"), list(itertools.product(PAIRS, DIGITS)))
def test_a_loss_trains_on_what_the_table_says_or_the_losses_that_fit_are_named(
    data: str, loss: str, nodes: dict[str, DictConfig]
) -> None:
    config = copy.deepcopy(nodes["all"])
    config.data, config.loss = nodes[f"data={data}"], nodes[f"loss={loss}"]
    fitting = PAIRS[data]
    if loss in fitting:
        (job,) = jobs_from([config])
        assert job.member.target.kind == fitting[loss]
        return
    with pytest.raises(InputError) as caught:
        jobs_from([config])
    told = str(caught.value)
    assert told.startswith(f"loss={loss} cannot train on data={data}, whose targets are ")
    named = told.partition("losses that fit: ")[2].partition(" (this one trains on ")[0].split(", ")
    assert set(named) == set(fitting)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_refused(
    refuse: Refuse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("mine")
    folder.chmod(0o555)
    told = refuse(f"tracking.uri=sqlite:///{folder}/mlflow.db")
    assert "cannot be written (Permission denied); make its folder writable, or name another" in told


def test_one_bad_command_of_a_sweep_refuses_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good, bad = composed("loss=huber"), composed("loss=huber loss.delta=0")
    with pytest.raises(Exception, match=r"loss\.delta must be above 0"):
        train_many([good, bad])
    with pytest.raises(Exception, match=r"records at one address; tracking\.uri names 2"):
        train_many([good, composed("tracking.uri=sqlite:///other.db")])
    assert not list(tmp_path.iterdir())
