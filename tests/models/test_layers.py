"""Sparse rows read as dense ones, and padding counts for nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lossbench.models.layers import MeanOfWords, SparseLinear
from lossbench.models.text import Text
from lossbench.task import Inputs


def sparse_rows(dense: torch.Tensor, length: int) -> torch.Tensor:
    """(N, V) -> (N, length, 2), filled up with (0, 0)."""
    rows = torch.zeros(len(dense), length, 2)
    for row, values in zip(rows, dense, strict=True):
        columns = values.nonzero().flatten()
        row[: len(columns), 0] = columns
        row[: len(columns), 1] = values[columns]
    return rows


def test_a_sparse_row_reads_as_its_dense_row_from_the_same_seed() -> None:
    torch.manual_seed(1)
    sparse = SparseLinear(30, 4)
    torch.manual_seed(1)
    dense = nn.Linear(30, 4)
    row = torch.rand(8, 30) * (torch.rand(8, 30) < 0.2)
    row[0] = 0  # an empty text
    row[1, 0] = 0.5  # column 0 is a real column, though (0, 0) is the filling
    mine, reference = sparse(sparse_rows(row, 20)), dense(row)
    torch.testing.assert_close(mine, reference)
    weight, bias = torch.autograd.grad(mine.square().sum(), [sparse.weight, sparse.bias])
    expected = torch.autograd.grad(reference.square().sum(), [dense.weight, dense.bias])
    torch.testing.assert_close(weight, expected[0].t())
    torch.testing.assert_close(bias, expected[1])


def test_columns_beyond_any_vocabulary_survive_as_floats() -> None:
    layer = SparseLinear(100_000, 1)
    row = torch.tensor([[[99_999.0, 1.0]]])
    torch.testing.assert_close(layer(row)[0, 0], layer.weight[99_999, 0] + layer.bias[0])


@pytest.mark.parametrize("more", [1, 7])
def test_more_padding_changes_no_output_of_a_text_model(more: int) -> None:
    module = Text(name="text").build(Inputs("tokens", (6,), vocabulary=20), 3)
    tokens = torch.tensor([[4, 7, 7, 19, 2, 0], [5, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]])
    padded = torch.nn.functional.pad(tokens, (0, more))
    torch.testing.assert_close(module(padded), module(tokens))


def test_a_text_reads_as_the_mean_of_its_words() -> None:
    layer = MeanOfWords(20, 5)
    mean = layer.table[[3, 3, 8]].mean(0)
    torch.testing.assert_close(layer(torch.tensor([[3, 3, 8, 0, 0]]))[0], mean)


def test_a_text_of_padding_alone_gives_finite_outputs_and_gradients() -> None:
    module = Text(name="text").build(Inputs("tokens", (4,), vocabulary=20), 3)
    output = module(torch.zeros(2, 4, dtype=torch.int64))
    output.sum().backward()
    assert output.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_the_vector_of_padding_is_never_trained() -> None:
    layer = MeanOfWords(20, 5)
    layer(torch.tensor([[3, 0, 0], [0, 0, 0]])).sum().backward()
    assert layer.table.grad is not None
    assert (layer.table.grad[0] == 0).all()
    assert (layer.table.grad[3] != 0).all()
