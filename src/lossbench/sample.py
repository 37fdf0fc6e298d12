"""Let a kept model of next tokens write on.

`python -m lossbench.sample RUN_ID [prompt=TEXT] [length=TOKENS] [temperature=NUMBER] [seed=NUMBER]`

prompt=...        what it writes on; default: the beginning of a window of its test, which the seed chooses
length=300        tokens to write: characters or words, as the data has them
temperature=1     1 draws by the probabilities of the model, less draws the likely ones, 0 takes the likeliest
seed=0            another seed, another text
tracking.uri=...  where the run is; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db

Weights are kept by `tracking.models=true`. The exit status is 2 where there is nothing to write with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.cli import command
from lossbench.data.corpus import CorpusSource
from lossbench.errors import InputError
from lossbench.kept_model import module_of, trained, unchanged, weights_of
from lossbench.tracking import resolve_uri

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lossbench.data.source import DataSet
    from lossbench.job import Member

_USAGE = "python -m lossbench.sample RUN_ID [prompt=TEXT] [length=TOKENS] [temperature=NUMBER] [seed=NUMBER]"
_MOST = 100_000  # tokens
_COLDEST = 1e-3  # below which the likeliest token is taken


@dataclass(frozen=True)
class Request:
    """What is to be written; `prompt` None is a piece of the test."""

    prompt: str | None = None
    length: int = 300
    temperature: float = 1.0
    seed: int = 0


def sample(run_id: str, request: Request, uri: str | None = None) -> str:
    """The prompt and what the model of a run writes behind it.

    Raises:
        InputError: there is no such run, it is no model of next tokens, or it kept no weights.
    """
    member, weights = _kept(run_id, resolve_uri(uri))
    source = member.source
    assert isinstance(source, CorpusSource)
    data, alphabet = source.load(member.seed, member.reads), source.alphabet(member.seed)
    given = _of_test(data, request.seed) if request.prompt is None else alphabet.ids(request.prompt)
    if not given:
        raise InputError(f"prompt={request.prompt} holds no {source.tokens}: name a text to begin with.")
    prompt = alphabet.text(given) if request.prompt is None else request.prompt
    written = _written(
        member, data, module_of(run_id, member, data.description.inputs, weights), given, request
    )
    # Behind the last token of the prompt: between words stands a blank, before a sign none.
    begun = alphabet.text(given)
    return prompt + alphabet.text([*given, *written])[len(begun) :]


def _kept(run_id: str, uri: str) -> tuple[Member, bytes]:
    """What a run trained, and the weights that it kept."""
    member, tags = trained(run_id, uri)
    if not isinstance(member.source, CorpusSource):
        raise InputError(
            f"Run {run_id} is of data={member.source.name}, which has no next token to write: name a run of "
            "data=corpus or data=shakespeare."
        )
    weights = weights_of(run_id, uri, tags, "write with")
    if not unchanged(member, tags):
        raise InputError(
            f"The text that run {run_id} was trained on has changed since, so its tokens are others: put the "
            f"old one back at data.path={member.source.path}, or train on the new one."
        )
    return member, weights


def _of_test(data: DataSet, seed: int) -> list[int]:
    """The first half of a window of the test."""
    rows = data.test.rows
    window: list[int] = data.inputs[rows[seed * 7919 % len(rows)]].tolist()
    return [number for number in window[: len(window) // 2] if number > 0]


def _written(
    member: Member, data: DataSet, module: nn.Module, given: Sequence[int], request: Request
) -> list[int]:
    """The ids of what is written behind those that are given."""
    import torch

    from lossbench.data.alphabet import FIRST
    from lossbench.pack.continuing import greedy, written_on
    from lossbench.pack.groups import predicted
    from lossbench.pack.noise import arguments, drawn
    from lossbench.seeds import torch_generator
    from lossbench.trees import mapped, part

    generator = torch_generator(request.seed, "sample")
    wanted = member.model.noise(data.description.inputs)

    def say(number: int, text: Tensor, place: int) -> Tensor:
        noise = drawn(wanted, [request.seed], 1, "sample", number)
        outputs = mapped(lambda one: one.unsqueeze(0), module(*arguments(text, part(noise, 0))))
        said = predicted(member.loss, member.target, member.layout, outputs)
        scores = said["probabilities"].log() if "probabilities" in said else said["scores"]
        scores = scores[0, :, place]
        if request.temperature < _COLDEST:
            return greedy(scores)
        shares = (scores[..., FIRST:].double() / request.temperature).softmax(-1)
        return torch.multinomial(shares, 1, generator=generator).squeeze(-1) + FIRST

    (context,) = data.description.inputs.shape
    with torch.no_grad():
        found: list[int] = written_on(torch.tensor([given]), request.length, context, say)[0].tolist()
    return found


def understood(given: Mapping[str, str]) -> Request:
    """The options of a command line.

    Raises:
        InputError: a number is none, or out of its range.
    """
    numbers = {"length": (1, _MOST, True), "temperature": (0, 100, False), "seed": (0, 2**31 - 1, True)}
    read: dict[str, float] = {}
    for name, (least, most, whole) in numbers.items():
        if name not in given:
            continue
        try:
            value = int(given[name]) if whole else float(given[name])
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            kind = "whole number" if whole else "number"
            raise InputError(f"{name}={given[name]} must be a {kind} from {least} to {most}.")
        read[name] = value
    return Request(
        given.get("prompt"),
        int(read.get("length", Request.length)),
        read.get("temperature", Request.temperature),
        int(read.get("seed", Request.seed)),
    )


def main(arguments: Sequence[str]) -> None:
    """The command line."""
    ids = [word for word in arguments if "=" not in word]
    known = ("prompt", "length", "temperature", "seed", "tracking.uri")
    given = command.options([word for word in arguments if "=" in word], known)
    if len(ids) != 1:
        raise InputError(f"One run id is wanted: {_USAGE}.")
    print(sample(ids[0], understood(given), given.get("tracking.uri")))


if __name__ == "__main__":
    command.run("lossbench", main, __doc__)
