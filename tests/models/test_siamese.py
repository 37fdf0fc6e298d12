"""One encoder for both inputs of a pair, and the layers that stand on both embeddings."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lossbench.config.choice import Choice
from lossbench.config.folders import choices, node_in
from lossbench.config.making import completed, make
from lossbench.config.searched import declared_knobs
from lossbench.errors import InputError
from lossbench.losses.bce import of_all_pairs
from lossbench.losses.relations import of_pairs
from lossbench.models.head import Compared, Matched
from lossbench.models.model import Model
from lossbench.models.siamese import Siamese
from lossbench.task import Inputs

TOKENS = Inputs("tokens", (5,), vocabulary=12)
PAIR = Inputs("token_pair", parts={"left": TOKENS, "right": TOKENS})


def drawn(count: int = 4) -> dict[str, torch.Tensor]:
    return {side: torch.randint(0, 12, (count, 5)) for side in ("left", "right")}


def test_both_are_read_by_one_encoder_that_is_the_model_alone() -> None:
    torch.manual_seed(0)
    whole = Siamese().build(PAIR, 6)
    torch.manual_seed(0)
    alone = make("model", Model, node_in(choices("model")["text"]))
    assert isinstance(alone, Model)
    encoder = alone.build(TOKENS, 6)
    read = drawn()
    found = whole(read)
    for side in ("left", "right"):
        torch.testing.assert_close(found[side], encoder(read[side]))
    assert sum(w.numel() for w in whole.parameters()) == sum(w.numel() for w in encoder.parameters())


@pytest.mark.parametrize(
    ("encoder", "reads"),
    [
        ("text", ("token_pair",)),
        ("linear", ("vector_pair", "image_pair", "tfidf_pair")),
        ("cnn", ("image_pair",)),
    ],
)
def test_it_reads_pairs_of_what_its_encoder_reads(encoder: str, reads: tuple[str, ...]) -> None:
    assert Siamese(encoder=encoder).reads == reads


def test_images_are_encoded_as_texts_are() -> None:
    image = Inputs("image", (1, 8, 8))
    pair = Inputs("image_pair", parts={"left": image, "right": image})
    whole = Siamese(encoder="cnn").build(pair, 3)
    found = whole({side: torch.rand(4, 1, 8, 8) for side in ("left", "right")})
    assert {side: own.shape for side, own in found.items()} == {"left": (4, 3), "right": (4, 3)}


def test_sides_of_different_length_are_encoded_one_after_the_other() -> None:
    whole = Siamese().build(PAIR, 6)
    read = drawn()
    longer = {**read, "right": torch.cat([read["right"], torch.zeros(4, 3, dtype=torch.int64)], 1)}
    torch.testing.assert_close(whole(longer)["right"], whole(read)["right"])


def node(**more: Any) -> dict[str, Any]:
    return {**node_in(choices("model")["siamese"]), **more}


def test_knobs_of_the_encoder_are_set_searched_and_recorded() -> None:
    own = node(knobs={"hidden": [7]})
    made = make("model", Model, own)
    assert isinstance(made, Siamese)
    layers = [one for one in made.build(PAIR, 6).modules() if isinstance(one, torch.nn.Linear)]
    assert [layer.out_features for layer in layers] == [7, 6]
    recorded = completed(own)
    again = make("model", Model, recorded)
    assert isinstance(again, Choice)
    assert again.values() == made.values()
    assert made.values()["knobs"]["hidden"] == [7]
    assert declared_knobs(node(knobs={"dropout": 0.1}))["knobs.dropout"].search is not None


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"encoder": "txt"}, "model.encoder=txt is no model (did you mean 'text'?"),
        ({"encoder": "siamese"}, "model.encoder=siamese is no model"),
        ({"encoder": "towers"}, "model.encoder=towers"),
        ({"knobs": {"hiden": [4]}}, "Of model=siamese its encoder text: "),
        ({"knobs": 3}, "model.knobs must hold knobs of the encoder"),
    ],
)
def test_an_encoder_that_cannot_be_is_refused(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        Siamese(**knobs)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_pairs_of_a_batch_are_scored_as_one_pair_is() -> None:
    net = Siamese().build(PAIR, 6)
    head = torch.nn.Linear(18, 1)
    all_pairs, one = Matched(net, 6), Compared(net, head)
    weights = [all_pairs.one.weight, all_pairs.other.weight, all_pairs.apart.weight]
    with torch.no_grad():
        head.weight.copy_(torch.cat(weights, 1))
        head.bias.copy_(all_pairs.one.bias)
    read = drawn()
    match = all_pairs(read)["match"]
    for left in range(4):
        for right in range(4):
            pair = {"left": read["left"][[left]], "right": read["right"][[right]]}
            torch.testing.assert_close(match[left, right], one(pair)["output"].squeeze())
    assert set(all_pairs.eval()(read)) == {"left", "right"}


def test_hard_ones_are_read_by_the_same_encoder_in_training_alone() -> None:
    net = Siamese().build(PAIR, 6)
    read = drawn()
    hard = torch.stack([read["left"].roll(1, 0), read["right"].roll(1, 0)], 1)
    found = net({**read, "other": hard})
    torch.testing.assert_close(found["other"][:, 0], net(read)["left"].roll(1, 0))
    torch.testing.assert_close(found["other"][:, 1], net(read)["right"].roll(1, 0))
    matched = Matched(net, 6)
    every = matched({**read, "other": hard})["match"]
    assert every.shape == (4, 4 + 4 * 2)
    torch.testing.assert_close(every[:, :4], matched(read)["match"])
    torch.testing.assert_close(every[:, 5::2], matched(read)["match"].roll(1, 1))
    assert set(net.eval()({**read, "other": hard})) == {"left", "right"}


def test_bce_of_all_pairs_is_half_of_those_that_belong_together() -> None:
    match, number = torch.randn(4, 4, dtype=torch.float64), torch.tensor([0, 1, 0, 3])
    found = of_all_pairs(match, of_pairs(match, match, number), pos_weight=2.0)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    for row in range(4):
        others = [column for column in range(4) if number[column] != number[row]]
        right = bce(match[row, row], torch.ones((), dtype=torch.float64))
        wrong = bce(match[row, others], torch.zeros(len(others), dtype=torch.float64))
        torch.testing.assert_close(found[row], right + wrong / 2)
