"""What is asked: a file, a target, and what to compare on it."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.ask.file import data_of
from lossbench.config.folders import conf_dir, own_folder
from lossbench.config.naming import NAME
from lossbench.config.quoting import typed
from lossbench.counting import counted
from lossbench.errors import InputError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from lossbench.data.source import DataSource

TRIALS = 4  # of each loss, for a first answer
PROPER_TRIALS, PROPER_SEEDS = 16, 20  # of the command that is told at the end
SECONDS = 60.0
_TOLD = 8  # lines of what was made of a file
EPOCHS = "trainer.max_epochs"
# The first kind of target here that the data offers decides. Each list is what people choose among for such a
# target, the usual loss first; --help of lossbench lists all losses.
LOSSES: Mapping[str, tuple[str, ...]] = {
    "multiclass": ("cce", "hinge", "mse_softmax"),
    "binary": ("bce", "hinge", "mse_softmax"),  # not cce, whose likelihood is that of bce
    "continuous": ("mse", "mae", "huber"),
    "box": ("mse", "mae", "giou"),
}
# The first kind of input here that the data offers decides: a linear model on TF-IDF is quick, and good.
MODELS: Mapping[str, str] = {"vector": "mlp", "tfidf": "linear", "tokens": "text", "image": "cnn"}


@dataclass(frozen=True)
class Question:
    """What to compare, as overrides of the command line.

    setting: of the data set, the model and whatever else was set
    losses: to compare
    name: of the experiment
    seconds: to train in
    told: what was made of the file, in lines
    folder: of `--config-dir`
    """

    setting: tuple[str, ...]
    losses: tuple[str, ...]
    name: str
    seconds: float = SECONDS
    told: tuple[str, ...] = ()
    folder: Path | None = None

    def of_epochs(self, epochs: int) -> Question:
        """The same with less training, recorded apart: what trained for long is another condition."""
        setting = (*self.setting, f"{EPOCHS}={epochs}")
        return replace(
            self, setting=setting, name=f"{self.name}_{counted(epochs, 'epoch')}".replace(" ", "_")
        )

    def configs(self, seeds: Sequence[int]) -> list[DictConfig]:
        """The configs of all trials of all losses on these seeds, for `train_many`."""
        from lossbench.config.trials import in_trials

        asked = [*self.setting, f"trials={TRIALS}", f'{NAME}="{self.name}"']
        of_losses = composed([[f"loss={loss}", *asked] for loss in self.losses], self.folder)
        return in_trials([_at(config, seed) for config in of_losses for seed in seeds])

    def properly(self) -> tuple[str, str]:
        """The commands that answer it as a study would, and report."""
        own = "" if self.folder is None else f" --config-dir {shlex.quote(str(self.folder))}"
        name = self.name.removeprefix("ask_")
        setting = " ".join(map(shlex.quote, self.setting))
        train = (
            f"python -m lossbench{own} -m {setting} loss={','.join(self.losses)} trials={PROPER_TRIALS} "
            f"'seed=range({PROPER_SEEDS})' {typed(NAME, name)}"
        )
        return train, f"python -m lossbench.report{own} {typed('experiment', name)}"


def understood(arguments: Sequence[str]) -> Question:
    """The question of a command line.

    Raises:
        InputError: it names no file, or what is there cannot be used.
    """
    folder, arguments = own_folder(arguments, "loss/NAME.yaml")
    if unknown := [argument for argument in arguments if argument.startswith("-")]:
        raise InputError(f"{unknown[0]} is no option of ask; see python -m lossbench.ask --help.")
    plain = [argument for argument in arguments if "=" not in argument]
    given = dict(argument.partition("=")[::2] for argument in arguments if "=" in argument)
    if len(plain) > 2 or (not plain and "data" not in given):
        raise InputError(
            "Ask with a file and the column to predict, as in python -m lossbench.ask houses.csv price; "
            f"got {' '.join(arguments) or 'nothing'}."
        )
    seconds = _seconds(given.pop("seconds", None))
    losses = given.pop("loss", "")
    name = given.pop(NAME, None)
    rest = tuple(f"{key}={value}" for key, value in given.items())
    name = name or _name(*plain or [given["data"]]) + _digest((*rest, losses))
    setting = (*data_of(*plain, separator=given.get("data.separator")), *rest) if plain else rest
    source = _source(setting, folder)
    kinds = [target.kind for target in source.targets()]
    if not any(line.startswith("model=") for line in setting) and (
        model := next((MODELS[kind] for kind in MODELS if kind in source.reads), "")
    ):
        setting = (*setting, f"model={model}")
    fitting = next((LOSSES[kind] for kind in LOSSES if kind in kinds), ())
    chosen = tuple(losses.split(",")) if losses else fitting
    if not chosen:
        raise InputError(
            f"Which losses fit {' and '.join(kinds)} is not known here; name some, as in loss=mse,mae."
        )
    return Question(setting, chosen, name, seconds, tuple(source.account()), folder)


def composed(lines: Sequence[Sequence[str]], folder: Path | None) -> list[DictConfig]:
    """The configs of these overrides, as the command line composes them."""
    from hydra import compose, initialize_config_dir

    own = [] if folder is None else [f'hydra.searchpath=["file://{folder.absolute()}"]']
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return [compose("config", [*line, *own]) for line in lines]


def _at(config: DictConfig, seed: int) -> DictConfig:
    own = config.copy()
    own.seed = seed
    return own


def described(question: Question) -> tuple[str, ...]:
    """What was made of the file, and what is compared."""
    more = len(question.told) - _TOLD
    told = (
        *question.told[:_TOLD],
        *([f"  ... and {counted(more, 'line')} more with --dry-run"] if more > 0 else []),
    )
    losses = f"{', '.join(question.losses[:-1])} and {question.losses[-1]}"
    return (
        *told,
        f"Comparing {losses if question.losses[1:] else question.losses[0]}, "
        f"{counted(TRIALS, 'trial')} of the learning rate and of its own knobs each.",
    )


def _source(setting: Sequence[str], folder: Path | None) -> DataSource:
    from omegaconf import OmegaConf

    from lossbench.config.making import make
    from lossbench.data.source import DataSource

    (config,) = composed([setting], folder)
    node: Any = OmegaConf.to_container(config.data)
    source = make("data", DataSource, node)
    assert isinstance(source, DataSource)
    return source


def _name(path: str, target: str = "") -> str:
    words = re.findall(r"[A-Za-z0-9]+", f"{Path(path).name.split('.')[0]} {target}")
    return "_".join(["ask", *words]).lower()[:80]


def _digest(overrides: Sequence[str]) -> str:
    """What tells an experiment from the same file asked otherwise; nothing where nothing else is set."""
    text = " ".join(sorted(filter(None, overrides)))
    return f"_{hashlib.sha256(text.encode()).hexdigest()[:4]}" if text else ""


def _seconds(text: str | None) -> float:
    try:
        seconds = SECONDS if text is None else float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"seconds must be a number above 0, as in seconds=300; got {text}.")
    return seconds
