"""What members write on is what their own weights say, token by token, alone as in company."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossbench.data.cache import DataCache
from lossbench.data.corpus import CorpusSource
from lossbench.errors import InputError
from lossbench.job import Member
from lossbench.losses.cce import CCE
from lossbench.losses.kl import KL
from lossbench.losses.loss import Loss
from lossbench.losses.mse import MSE
from lossbench.metrics.families import of_test_alone
from lossbench.metrics.language import PROMPTS
from lossbench.models.model import Model
from lossbench.optimizer import Adam
from lossbench.pack.continuing import written_on
from lossbench.pack.engine import build_modules
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.rehearsal import rehearse
from lossbench.task import Inputs
from lossbench.trainer import TrainerOptions

CONTEXT = 12
SAID = "to be or not that is the question whether nobler in mind suffer slings and arrows"
WORDS = SAID.split(" ")


class Last(nn.Module):
    """At each place, a network on the last three tokens."""

    def __init__(self, vocabulary: int, outputs: int) -> None:
        super().__init__()
        self.letters, self.scores = nn.Embedding(vocabulary, 8), nn.Linear(24, outputs)

    def forward(self, text: Tensor) -> Tensor:
        seen = nn.functional.pad(self.letters(text), (0, 0, 2, 0))
        return self.scores(torch.cat([seen[:, i : i + text.shape[1]] for i in range(3)], dim=-1).tanh())


@dataclass(frozen=True, kw_only=True)
class Letters(Model):
    """Small enough to be trained many times."""

    name: str = "letters"
    reads = ("causal_tokens",)
    places = True

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        return Last(inputs.vocabulary, outputs)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = torch.Generator().manual_seed(3)
    order = torch.randint(len(WORDS), (1500,), generator=draw).tolist()
    place = tmp_path_factory.mktemp("text") / "text.txt"
    place.write_text(" ".join(WORDS[number] for number in order))
    return place


def pack(text: Path, losses: list[Loss], **more: Any) -> list[Member]:
    source = CorpusSource(name="corpus", path=str(text), context=CONTEXT, **more)
    trainer = TrainerOptions(name="default", max_epochs=2, batch_size=32)
    (target,) = source.targets()
    optimizer, model = Adam(name="adam", lr=0.01), Letters()
    places = range(len(losses))
    return [
        Member(place % 2, source, model, losses[place], optimizer, trainer, "causal_tokens", target)
        for place in places
    ]


def trained(members: list[Member], mode: str) -> list[MemberResult]:
    results = fit(members, mode, DataCache(), keep_models=True)
    assert [one.reason for one in results] == [None] * len(members)
    return results


def by_hand(member: Member, result: MemberResult) -> float:
    """The share of 4-grams that stood before, of the greedy continuations of the test."""
    data = member.source.load(member.seed, "causal_tokens")
    (module,) = build_modules([member], data.description.inputs)  # type: ignore[union-attr]
    module.load_state_dict(torch.load(io.BytesIO(result.model or b"")))
    shares = []
    whole = (data.test.targets["weight"][:, CONTEXT // 2 - 1] > 0).nonzero().flatten()  # type: ignore[union-attr]
    chosen = whole[torch.linspace(0, len(whole) - 1, PROMPTS).long()]
    for prompt in data.inputs[data.test.rows[chosen]].tolist():  # type: ignore[union-attr]
        tokens = prompt[: CONTEXT // 2]
        for _ in range(CONTEXT):
            seen = tokens[-CONTEXT:]
            with torch.no_grad():
                scores = module.eval()(torch.tensor([seen + [0] * (CONTEXT - len(seen))]))[0, len(seen) - 1]
            tokens.append(2 + int(scores[2:].argmax()))
        own = tokens[CONTEXT // 2 :]
        grams = [tuple(own[place : place + 4]) for place in range(len(own) - 3)]
        shares.append(1 - len(set(grams)) / len(grams))
    return sum(shares) / len(shares)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_repetition_is_that_of_a_loop_over_the_tokens_and_the_same_alone(text: Path, mode: str) -> None:
    members = pack(text, [CCE(), CCE(label_smoothing=0.2), MSE(softmax=True), KL()])
    results = trained(members, mode)
    for member, result in zip(members, results, strict=True):
        repetition = result.metrics["test/repetition"]
        assert repetition == pytest.approx(by_hand(member, result), abs=1e-12)
        assert 0 < repetition < 1
        (alone,) = trained([member], mode)
        assert alone.metrics == result.metrics
    assert len({one.metrics["test/repetition"] for one in results}) == len(members)


def test_it_is_measured_on_the_test_alone_and_chooses_nothing(text: Path) -> None:
    (member,) = pack(text, [CCE()])
    (result,) = trained([member], "vmap")
    named = {name for name in (*result.metrics, *result.history) if "repetition" in name}
    assert named == {"test/repetition"}
    assert of_test_alone(member.source.measures) == {"repetition"}
    data = member.source.load(0, "causal_tokens")
    (module,) = build_modules([member], data.description.inputs)
    with pytest.raises(InputError, match=r"experiment\.select is repetition, which is measured on the test"):
        rehearse(member, module, data, {"select": "repetition"})  # type: ignore[arg-type]
    assert rehearse(member, module, data, {"judge": "repetition"}).remark is None  # type: ignore[arg-type]


def test_each_token_follows_from_the_last_ones_of_the_context_alone() -> None:
    seen = []

    def say(number: int, text: Tensor, place: int) -> Tensor:
        seen.append((number, text.tolist(), place))
        return text[..., place] + 1

    assert written_on(torch.tensor([5, 6]), 4, 4, say).tolist() == [7, 8, 9, 10]
    assert seen == [(0, [5, 6, 0, 0], 1), (1, [5, 6, 7, 0], 2), (2, [5, 6, 7, 8], 3), (3, [6, 7, 8, 9], 3)]


def test_a_loss_without_probabilities_is_refused_before_it_trains_however_few_tokens_there_are(
    text: Path,
) -> None:
    for vocabulary in 3, 10_000:
        (member,) = pack(text, [MSE()], vocabulary=vocabulary)
        data = member.source.load(0, "causal_tokens")
        (module,) = build_modules([member], data.description.inputs)
        with pytest.raises(InputError, match="loss=mse gives no nll, by which data=corpus chooses"):
            rehearse(member, module, data)  # type: ignore[arg-type]
