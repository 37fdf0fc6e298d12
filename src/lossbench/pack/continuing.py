"""What the members of a pack write on by themselves, where a measure reads that, behind prompts of the test.

All losses of a seed get the same prompts: of windows that lie evenly over the test the first half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from lossbench.data.alphabet import FIRST
from lossbench.metrics.families import wants_continuations
from lossbench.metrics.language import GRAM, PROMPTS
from lossbench.metrics.names import CONTINUATION
from lossbench.pack.engine import Engine
from lossbench.pack.evaluation import Evaluation, Found, of_group
from lossbench.pack.lanes import Lanes
from lossbench.task import WEIGHT, Prediction

# number of the token that is wanted, texts (..., context) filled up with 0, place of their last token -> ids
Say = Callable[[int, Tensor, int], Tensor]


def greedy(scores: Tensor) -> Tensor:
    """The token of the largest score, the first of equal ones: (..., C) -> (...,) ids."""
    return scores[..., FIRST:].argmax(-1) + FIRST


def written_on(text: Tensor, count: int, context: int, say: Say) -> Tensor:
    """So many tokens behind texts (..., length) int64, one after another: (..., count).

    Each follows from the last `context` tokens alone.
    """
    start = text.shape[-1]
    for number in range(count):
        window = text[..., -context:]
        filled = torch.nn.functional.pad(window, (0, context - window.shape[-1]))
        text = torch.cat([text, say(number, filled, window.shape[-1] - 1).unsqueeze(-1)], dim=-1)
    return text[..., start:]


def continued(evaluation: Evaluation, engine: Engine, lanes: Lanes) -> list[Found]:
    """What groups predict of the test; with what they write on where that is measured.

    It is left out where a loss gives no scores, and where the inputs are no texts that are at hand.
    """
    found = evaluation.found()
    if not wants_continuations(evaluation.measures):
        return found
    writing = [one for one in found if "scores" in one.group.losses[0].gives(one.group.target)]
    prompts = _prompts(lanes, writing[0]) if writing else None
    if prompts is None:
        return found
    context = prompts.shape[-1]

    def say(number: int, text: Tensor, place: int) -> Tensor:
        moment = (CONTINUATION, number)
        outputs = engine.outputs(lanes.read_apart(text, *moment), moment, apart=True)
        following = text[:, :, 0].clone()
        for one in writing:
            scores = one.group.said(of_group(outputs, one.group))["scores"]
            following[one.group.index] = greedy(scores[:, :, place])
        return following

    halves = prompts[lanes.lane, :, : context // 2]
    written = written_on(halves, max(context, 2 * GRAM), context, say).to(lanes.exact)
    return [one if all(one is not own for own in writing) else _with(one, written) for one in found]


def _with(one: Found, written: Tensor) -> Found:
    own = written[one.group.index.to(written.device)]
    return replace(one, prediction=Prediction(**{**one.prediction, CONTINUATION: own}))


def _prompts(lanes: Lanes, one: Found) -> Tensor | None:
    """Windows of the test whose first half is text, (L, P, context), evenly from its first to its last."""
    truth, target = lanes.truth["test"], one.group.target
    labels = truth[target.kind]
    if len(target.shape) != 1 or target.shape[0] < 2:
        return None
    known = torch.ones_like(labels[:, :, 0], dtype=torch.bool)
    if WEIGHT in truth and truth[WEIGHT].shape == labels.shape:
        known = truth[WEIGHT][:, :, target.shape[0] // 2 - 1] > 0
    if not bool(known.any(dim=1).all()):
        return None
    rows = [own.nonzero().flatten() for own in known]
    spread = [own[torch.linspace(0, len(own) - 1, PROMPTS, device=own.device).long()] for own in rows]
    inputs = lanes.inputs_at("test", torch.stack(spread).to(lanes.device))
    texts = isinstance(inputs, Tensor) and inputs.shape[2:] == target.shape
    return inputs if texts and not inputs.is_floating_point() else None
