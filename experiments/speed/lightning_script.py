"""Competitor: the sweep as a plain script, with one Lightning Trainer and one MLFlowLogger per run.

What slows it down for nothing is off: progress bar, model summary, checkpoints (so it does not go back to
the best weights, which lossbench does).
"""

from __future__ import annotations

import argparse
import logging
import warnings

import sweep
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from lossbench.lightning import LightningModule, Trainer  # Lightning's own, next to any build of torchvision

from pytorch_lightning.loggers import MLFlowLogger  # isort: skip

LOSSES: dict[str, nn.Module] = {"mse": nn.MSELoss(), "mae": nn.L1Loss(), "huber": nn.HuberLoss()}


class Regression(LightningModule):
    """An MLP 10-64-64-1."""

    def __init__(self, loss: str, lr: float, seed: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = nn.Sequential(
            nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0)
        )
        self.loss = LOSSES[loss]
        self.units = sweep.data(seed).units["continuous"]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        inputs, target = batch
        loss: Tensor = self.loss(self.model(inputs), target)
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        inputs, target = batch
        self.log("val/mae", F.l1_loss(self.model(inputs), target) * self.units.scale)

    def test_step(self, batch: list[Tensor], index: int) -> None:
        inputs, target = batch
        value = self.model(inputs) * self.units.scale + self.units.shift
        self.log("test/mae", F.l1_loss(value, target))


def loader(seed: int, name: str) -> DataLoader[tuple[Tensor, ...]]:
    part = TensorDataset(*sweep.split(seed, name))
    return DataLoader(part, batch_size=sweep.BATCH if name == "train" else 1000, shuffle=name == "train")


def train(run: sweep.Run) -> None:
    torch.manual_seed(run.seed)
    trainer = Trainer(
        max_epochs=sweep.EPOCHS,
        logger=MLFlowLogger(experiment_name="lightning", tracking_uri="sqlite:///mlflow.db"),
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    model = Regression(run.loss, run.rate, run.seed)
    trainer.fit(model, loader(run.seed, "train"), loader(run.seed, "val"))
    trainer.test(model, loader(run.seed, "test"), verbose=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=240)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    for run in sweep.runs(parser.parse_args().runs):
        train(run)
