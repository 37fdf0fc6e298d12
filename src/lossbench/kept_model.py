"""A model whose weights a run kept (`tracking.models=true`), built and filled again."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lossbench.errors import InputError, first_line
from lossbench.recorded import find, job_of
from lossbench.tracking import read_artifact, runs

if TYPE_CHECKING:
    from torch import nn

    from lossbench.job import Member
    from lossbench.task import Inputs


def trained(run_id: str, uri: str) -> tuple[Member, dict[str, str]]:
    """What a run trained, and its tags.

    Raises:
        InputError: there is no such run, or it was recorded without its config.
    """
    tags, _ = find(run_id, uri)
    if runs.CONFIG not in tags:
        raise InputError(f"Run {run_id} was recorded without its config, so its model cannot be built.")
    return job_of(run_id, tags[runs.CONFIG]).member, tags


def weights_of(run_id: str, uri: str, tags: dict[str, str], use: str) -> bytes:
    """The weights that a run kept, of the epoch that validation chose.

    Args:
        use: what they are wanted for: `write with`.

    Raises:
        InputError: it kept none.
    """
    weights = read_artifact(uri, run_id, "state_dict.pt")
    if weights is None:
        why = f"is {tags[runs.OUTCOME]}" if tags[runs.OUTCOME] != "finished" else "kept no weights"
        again = "train it again with tracking.models=true tracking.resume=false"
        raise InputError(f"Run {run_id} {why}, so it has nothing to {use}: {again}.")
    return weights


def unchanged(member: Member, tags: dict[str, str]) -> bool:
    """Whether the data is what the run was trained on; a run that recorded nothing of it is believed."""
    known = tags.get(runs.FINGERPRINT)
    return known is None or known == member.source.fingerprint(member.seed)


def module_of(run_id: str, member: Member, inputs: Inputs, weights: bytes) -> nn.Module:
    """The model with its weights, ready to predict.

    Raises:
        InputError: they do not fit the model as it is now.
    """
    import torch

    from lossbench.pack.engine import build_modules

    (module,) = build_modules([member], inputs)
    try:
        module.load_state_dict(torch.load(io.BytesIO(weights), weights_only=True))
    except Exception as error:  # of a file that somebody changed, or a model of the user's own
        raise InputError(
            f"The weights of run {run_id} do not fit model={member.model.name} as it is now "
            f"({type(error).__name__}: {first_line(error):.150}): train it again."
        ) from error
    return module.eval()
