"""The transformer: torch's own layers with a causal mask, and no place that knows a later token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from omegaconf import DictConfig
from torch import Tensor, nn

from lossbench.errors import InputError
from lossbench.job import jobs_from
from lossbench.models.transformer import Transformer
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.pack.recurrence import decomposed
from lossbench.task import Inputs

PLACES, WORDS, WIDTH, HEADS, LAYERS = 10, 13, 12, 3, 2
INPUTS = Inputs("causal_tokens", (PLACES,), vocabulary=WORDS)


def built(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = Transformer(name="transformer", layers=LAYERS, heads=HEADS, width=WIDTH)
    return model.build(INPUTS, 7)


class Plain(nn.Module):
    """As one writes it with torch alone."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(PLACES, WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, 4 * WIDTH, dropout=0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(LAYERS)
        )
        self.norm, self.last = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 7)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=True)
        found: Tensor = self.last(self.norm(x))
        return found


# Of lossbench's names, those that torch has for the same.
NAMES = {
    "blocks": "layers",
    "read.": "self_attn.in_proj_",
    "attended": "self_attn.out_proj",
}


def of_torch(module: nn.Module) -> dict[str, Tensor]:
    """Its weights by the names that the plain one has for them."""
    found = {}
    for name, weight in module.named_parameters():
        for own, theirs in NAMES.items():
            name = name.replace(own, theirs)
        found[name] = weight
    return found


@pytest.mark.parametrize("stacked", [False, True])
def test_it_equals_torchs_encoder_layers_with_a_causal_mask(stacked: bool) -> None:
    """Forward and gradients; also by the operations that stack."""
    module, plain = built(), Plain()
    weights = of_torch(module)
    plain.load_state_dict({name: weight.detach() for name, weight in weights.items()})
    tokens, wanted = torch.randint(WORDS, (5, PLACES)), torch.randint(7, (5, PLACES))
    if stacked:
        with decomposed(module):
            found = module(tokens)
    else:
        found = module(tokens)
    expected = plain(tokens)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    nn.functional.cross_entropy(found.mT, wanted).backward()
    nn.functional.cross_entropy(expected.mT, wanted).backward()
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(weights[name].grad, weight.grad, rtol=1e-4, atol=1e-6)


def test_its_initial_weights_are_spread_as_those_of_torch() -> None:
    """Of the very numbers the order differs: the range of each, which is drawn evenly or is 0."""
    torch.manual_seed(1)
    model = Transformer(name="transformer", layers=1, heads=2, width=64)
    own = model.build(INPUTS, 7).blocks.get_submodule("0")
    layer = nn.TransformerEncoderLayer(64, 2, 256, batch_first=True)
    theirs = dict(layer.named_parameters())
    for name, weight in of_torch(own).items():
        torch.testing.assert_close(
            weight.abs().max(), theirs[name].abs().max(), rtol=0.05, atol=1e-8, msg=name
        )
        torch.testing.assert_close(weight.mean(), theirs[name].mean(), rtol=0, atol=0.02, msg=name)


@settings(max_examples=25)
@given(
    tokens=st.lists(st.integers(0, WORDS - 1), min_size=PLACES, max_size=PLACES),
    place=st.integers(0, PLACES - 1),
    other=st.integers(0, WORDS - 1),
)
def test_no_place_knows_a_later_token(tokens: list[int], place: int, other: int) -> None:
    module = built().eval()
    whole, changed = torch.tensor([tokens, tokens])
    changed[place] = other
    for context in (decomposed(nn.Identity()), decomposed(module)):
        with torch.no_grad(), context:
            first, second = module(torch.stack([whole, changed]))
        assert torch.equal(first[:place], second[:place])
        assert torch.equal(first, second) == (tokens[place] == other)


@pytest.mark.parametrize("length", [1, 4, 9])
def test_padding_of_any_length_changes_nothing_in_front_of_it(length: int) -> None:
    module = built().eval()
    tokens = torch.randint(1, WORDS, (3, length))
    padded = module(nn.functional.pad(tokens, (0, PLACES - length)))
    torch.testing.assert_close(padded[:, :length], module(tokens), rtol=1e-5, atol=1e-5)


def test_a_width_that_heads_cannot_share_is_refused_with_one_that_they_can() -> None:
    with pytest.raises(InputError, match=r"model\.width=30 is not shared by model\.heads=4: .* 32,"):
        Transformer(name="transformer", width=30)


def test_members_have_alone_the_numbers_that_they_have_in_company(
    tmp_path: Path, composed: Callable[..., DictConfig]
) -> None:
    """Small ones stack, and those that keep much train in turns, of which a pack says so."""
    text = "".join(np.random.default_rng(0).choice(list("abcd e"), 900))
    (tmp_path / "text.txt").write_text(text)
    words = (
        f"data=corpus data.path={tmp_path}/text.txt data.context=7 data.gap=0 "
        "model=transformer model.width=8 model.heads=2 model.dropout=0.2 "
        "trainer.max_epochs=2 trainer.batch_size=32 trainer.accelerator=cpu"
    )
    each = [f"loss={loss} seed={seed}" for loss in ("cce", "z_loss") for seed in (0, 1)]
    jobs = jobs_from([composed(*words.split(), *own.split()) for own in each])
    assert [pack.mode for pack in plan(jobs, 1, 128).packs] == ["vmap"]
    wide = jobs_from([composed(*words.split(), "loss=cce", "model.width=512")])
    assert [pack.mode for pack in plan(wide, 1, 128).packs] == ["loop"]
    members = [job.member for job in jobs]
    for mode in ("vmap", "loop"):
        packed = fit(members, mode)
        assert {result.outcome for result in packed} == {"finished"}
        assert [fit([member], mode)[0] for member in members] == packed
