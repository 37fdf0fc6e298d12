"""Which item does a user click? Two towers, judged by where it stands among all items new to the user."""

import torch
from torch import Generator, Tensor, nn

from lossbench.data.source import DataSet, DataSource
from lossbench.losses.loss import Loss
from lossbench.metrics.measure import Measure, Metric
from lossbench.seeds import torch_generator
from lossbench.task import Inputs, Prediction, Target

RECALL = Metric("recall_at_10", "ranking", True, "share of clicks among the ten best items", low=0, high=1)
NDCG = Metric("ndcg_at_10", "ranking", True, "the same, each less the lower it stands", low=0, high=1)
RANKING = Measure((RECALL, NDCG), ("all",), ("item", "user", "seen"), "clicks:at_ten", keep="clicks:ranks")
USERS, ITEMS, CLICKS = 128, 192, 12  # clicks of each user
Batch = dict[str, Tensor]


def ranks(scores: Tensor, item: Tensor, user: Tensor, seen: Tensor) -> Tensor:
    """(R, n, items), (R, n), (R, n) and (R, users, items) -> how many new items stand before it, (R, n)."""
    before = scores >= scores.gather(-1, item.unsqueeze(-1))  # itself, too; equal scores are no merit
    return (before & ~seen.take_along_dim(user.unsqueeze(-1), dim=1)).sum(-1) - 1


def at_ten(rank: Tensor) -> dict[str, Tensor]:
    """The metrics of the ranks of all clicks (R, N): (R,) each."""
    found = (rank < 10).double()
    return {"recall_at_10": found.mean(-1), "ndcg_at_10": (found / (rank.double() + 2).log2()).mean(-1)}


class InBatch(Loss):
    """The click against all of its batch, less what often stands there (Yi et al., RecSys 2019)."""

    trains_on = ("item",)
    also = ("count",)
    batchwise = True
    needs = ("user", "item", "other")

    def outputs(self, target: Target, embedding_size: int) -> int:
        return embedding_size

    def __call__(self, output: Batch, target: Batch, kind: Target) -> Tensor:
        often = target["count"][target["item"]].log()
        return -(output["user"] @ output["item"].T - often).log_softmax(-1).diagonal()

    def predict(self, output: Batch, kind: Target) -> Prediction:
        return Prediction()  # in evaluation the model scores all items, whatever trained it


class BPR(InBatch):
    """The click against one item that is new to the user (Rendle et al., UAI 2009)."""

    also = ()

    def __call__(self, output: Batch, target: Batch, kind: Target) -> Tensor:
        return -nn.functional.logsigmoid((output["user"] * (output["item"] - output["other"])).sum(-1))


class Towers(nn.Module):
    def __init__(self, users: int, items: int, outputs: int) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(users, outputs), nn.Embedding(items, outputs)

    def forward(self, user: Tensor, item: Tensor, other: Tensor) -> Batch:
        """Numbers (N,) -> vectors (N, outputs); in evaluation scores of all items (N, items)."""
        trained = {"user": self.users(user), "item": self.items(item), "other": self.items(other)}
        return trained if self.training else {"all": self.users(user) @ self.items.weight.T}


class Clicks(DataSource):
    """What users like, they click; each seed draws its own. One click of each validates, and one tests."""

    reads = ("click",)
    judged_by = (RANKING,)
    select = "ndcg_at_10"
    fresh_examples = True

    def targets(self) -> tuple[Target, ...]:
        return (Target("item", size=ITEMS), Target("user", size=USERS))

    def load(self, seed: int, reads: str) -> DataSet:
        draw = torch_generator(seed, "clicks")
        likes = (torch.randn(USERS, 3, generator=draw) @ torch.randn(3, ITEMS, generator=draw)).exp()
        item = torch.multinomial(likes, CLICKS, generator=draw)
        seen = torch.zeros(USERS, ITEMS, dtype=torch.bool).scatter(1, item[:, 2:], value=True)

        def another(inputs: Batch, targets: Batch, generator: Generator) -> tuple[Batch, Batch]:
            other = torch.multinomial((~seen[inputs["user"].cpu()]).float(), 1, generator=generator)
            return {**inputs, "other": other.squeeze(1).to(inputs["user"].device)}, targets

        ids = {"user": torch.arange(USERS).repeat_interleave(CLICKS), "item": item.flatten()}
        inputs, shared = {**ids, "other": ids["item"]}, {"seen": seen, "count": seen.sum(0) + 1.0}
        val, test, *train = torch.arange(USERS * CLICKS).view(USERS, CLICKS).unbind(1)
        user, thing = Inputs("id", vocabulary=USERS), Inputs("id", vocabulary=ITEMS)
        click = Inputs("click", parts={"user": user, "item": thing, "other": thing})
        rows = (torch.cat(train), val, test)
        return self.data_set(click, inputs, ids, rows, "drawn", shared=shared, fresh=another)
