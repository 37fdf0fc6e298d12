"""Recurrent networks: those of torch in a plain loop, alone as in company, and nothing learned of padding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from lossbench.data.batches import order
from lossbench.data.cache import DataCache
from lossbench.data.source import DataSet
from lossbench.job import Job, Member, jobs_from
from lossbench.models.rnn import RNN
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.engine import Engine, build_modules
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.pack.stacked import StackedEngine
from lossbench.pack.turns import TurnsEngine
from lossbench.task import WEIGHT, Inputs, seen

Compose = Callable[..., list[Job]]

SERIES = Inputs("series", (9, 3))
TOKENS = Inputs("causal_tokens", (9,), vocabulary=20)
KINDS: dict[str, type[nn.RNNBase]] = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}
ENGINES: dict[str, type[Engine]] = {"vmap": StackedEngine, "loop": TurnsEngine}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a noisy wave and a text of unlike lines."""
    folder = tmp_path_factory.mktemp("sequences")
    draw = np.random.default_rng(0)
    step = np.arange(260)
    wave = pd.DataFrame({"t": step, "y": 50 + 20 * np.sin(step / 4) + draw.normal(0, 2, 260)})
    wave.assign(z=draw.normal(size=260)).to_csv(folder / "wave.csv", index=False)
    (folder / "text.txt").write_text("".join(draw.choice(list("abcd e"), 900)))
    return folder


@pytest.fixture
def made(files: Path, composed: Callable[..., object]) -> Compose:
    """A job for each list of overrides, on `wave` or `text`."""
    data = {
        "wave": f"data=series data.path={files}/wave.csv data.time=t data.target=y data.inputs=[z] "
        "data.past=8 data.horizon=2",
        "text": f"data=corpus data.path={files}/text.txt data.context=7 data.gap=0",
    }
    base = "trainer.max_epochs=3 optimizer.lr=0.01 trainer.batch_size=32 trainer.accelerator=cpu"

    def jobs(*overrides: str) -> list[Job]:
        each = [override.partition(" ") for override in overrides]
        small = "model.hidden=5"
        words = [
            f"{base} {data[name]} {more} {small if 'model=rnn' in more else ''}" for name, _, more in each
        ]
        return jobs_from([composed(*each.split()) for each in words])  # type: ignore[misc]

    return jobs


class Plain(nn.Module):
    """As one writes it with torch alone."""

    def __init__(self, cell: str, layers: int, vocabulary: int, columns: int, outputs: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, 6) if vocabulary else None
        self.rnn = KINDS[cell](6 if vocabulary else columns, 5, num_layers=layers, batch_first=True)
        self.last = nn.Linear(5, outputs)

    def forward(self, x: Tensor) -> Tensor:
        states = self.rnn(x if self.words is None else self.words(x))[0]
        found: Tensor = self.last(states[:, -1] if self.words is None else states)
        return found


def like(module: nn.Module, plain: Plain) -> Plain:
    """The plain network with the weights of lossbench's, which lie in the same order."""
    with torch.no_grad():
        for own, theirs in zip(plain.parameters(), module.parameters(), strict=True):
            own.copy_(theirs)
    return plain


def trained_by_hand(member: Member, data: DataSet, plain: Plain) -> list[float]:
    """The loss of every batch in a loop with torch.optim."""
    optimizer = torch.optim.Adam(plain.parameters(), lr=member.optimizer.lr)
    known = {kind: seen(values, data.units.get(kind)) for kind, values in data.train.targets.items()}
    losses = []
    for epoch in range(member.trainer.epochs):
        for batch in order(len(data.train), member.seed, epoch).split(member.trainer.batch_size):
            outputs = plain(data.inputs[data.train.rows[batch]])
            if member.target.kind == "multiclass":
                each = nn.functional.cross_entropy(outputs.mT, known["multiclass"][batch], reduction="none")
                weight = known[WEIGHT][batch]
                loss = (each * weight).sum() / weight.sum()
            else:
                loss = (outputs - known["continuous"][batch]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("data", ["wave loss=mse", "text loss=cce model.word_size=6"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", KINDS)
def test_it_trains_as_torchs_own_in_a_plain_loop_loss_by_loss(
    made: Compose, cell: str, layers: int, data: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = made(*[f"{data} model=rnn model.cell={cell} model.layers={layers} seed={s}" for s in (3, 4)])
    member, losses, step = job.member, list[Tensor](), ENGINES[mode].step

    def told(*args: object) -> Tensor:
        losses.append(step(*args))  # type: ignore[arg-type]
        return losses[-1]

    monkeypatch.setattr(ENGINES[mode], "step", told)
    fit([member, other.member], mode)
    loaded = DataCache().load(member.source, member.seed, member.reads)
    assert isinstance(loaded, DataSet)
    inputs = loaded.description.inputs
    (module,) = build_modules([member], inputs)
    columns = 0 if inputs.vocabulary else inputs.shape[1]
    plain = like(module, Plain(cell, layers, inputs.vocabulary, columns, member.outputs))
    expected = trained_by_hand(member, loaded, plain)
    assert len(expected) > 8
    assert [float(loss[0]) for loss in losses] == pytest.approx(expected, rel=1e-5)
    assert expected[-1] < expected[0]


@pytest.mark.parametrize("data", ["wave loss=mae", "text loss=cce"])
@pytest.mark.parametrize("cell", KINDS)
def test_it_has_alone_the_numbers_that_it_has_in_company(made: Compose, cell: str, data: str) -> None:
    knobs = f"{data} model=rnn model.cell={cell} model.layers=2 model.dropout=0.2"
    together = made(*[f"{knobs} seed={seed} optimizer.lr={lr}" for seed in (0, 1) for lr in (1e-3, 1e-2)])
    (pack,) = plan(together, 1, 128).packs
    assert pack.mode == "vmap"
    for mode in ("vmap", "loop"):
        packed = fit([job.member for job in together], mode)
        assert {result.outcome for result in packed} == {"finished"}
        assert [fit([job.member], mode)[0] for job in together[::3]] == packed[::3]


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize(
    "words",
    [
        "wave loss=mae model=rnn model.dropout=0.2",
        "text loss=cce model=transformer",
        "wave loss=mse model=nlinear",
    ],
    ids=["rnn", "transformer", "nlinear"],
)
def test_it_goes_on_after_an_interruption_and_trains_the_same_twice(
    made: Compose, words: str, mode: str, tmp_path: Path
) -> None:
    pack = [job.member for job in made(f"{words} seed=0", f"{words} seed=1")]
    checkpoint = Checkpoints(tmp_path).of(["sequences"], mode, gpu=False, every=1)
    whole = fit(pack, mode)

    def interrupt(members: object) -> None:
        if checkpoint.path.exists():
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(pack, mode, on_epoch=interrupt, checkpoint=checkpoint)
    assert fit(pack, mode, checkpoint=checkpoint) == whole == fit(pack, mode)


@pytest.mark.parametrize("cell", KINDS)
def test_its_initial_weights_are_those_of_torch(cell: str) -> None:
    torch.manual_seed(5)
    module = RNN(name="rnn", cell=cell, hidden=5, layers=2, word_size=6).build(TOKENS, 4)
    torch.manual_seed(5)
    plain = Plain(cell, 2, 20, 0, 4)
    for own, theirs in zip(module.parameters(), plain.parameters(), strict=True):
        assert torch.equal(own, theirs)


@pytest.mark.parametrize("cell", KINDS)
def test_no_state_knows_a_later_token(cell: str) -> None:
    torch.manual_seed(0)
    module = RNN(name="rnn", cell=cell, hidden=5, layers=2).build(TOKENS, 4).eval()
    tokens = torch.randint(2, 20, (3, 9))
    whole = module(tokens)
    for place in range(9):
        other = tokens.clone()
        other[:, place] = 1
        changed = (module(other) != whole).any(-1).any(0)
        assert not changed[:place].any()
        assert changed[place]


@pytest.mark.parametrize("kind", ["causal_tokens", "tokens"])
def test_padding_of_any_length_changes_nothing_in_front_of_it(kind: str) -> None:
    torch.manual_seed(0)
    module = RNN(name="rnn").build(Inputs(kind, (9,), vocabulary=20), 4).eval()
    tokens = torch.randint(1, 20, (3, 9))
    for padding in (1, 5, 40):
        padded = nn.functional.pad(tokens, (0, padding))
        found = module(padded)
        found = found[:, :9] if kind == "causal_tokens" else found
        torch.testing.assert_close(found, module(tokens), rtol=0, atol=0)


def test_a_text_that_is_judged_as_a_whole_is_read_to_its_last_token() -> None:
    torch.manual_seed(0)
    module = RNN(name="rnn").build(Inputs("tokens", (9,), vocabulary=20), 4).eval()
    words = torch.tensor([[3, 4, 5, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    for found, row, length in zip(module(words), words, (3, 1, 1), strict=True):
        torch.testing.assert_close(found, module(row[None, :length])[0])
