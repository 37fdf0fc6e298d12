"""`python -m lossbench.ask mine.csv target`: a first answer to "which loss should I train with?" in a minute.

It chooses losses that fit the target, a model and a few trials of each, trains five seeds, then five more,
and stops when the answer is settled or the time is over. Its runs are recorded as those of any sweep.

mine.csv target            a table, and the column to predict: a number or a class; where it has one column of
                           text and hardly anything else, the text is what is read
photos                     a folder with one folder of images, or of .txt files, for each class
loss=mse,mae,mine          other losses than those that it would choose
seconds=300                time to train in instead of 60; one look more may take some seconds longer
experiment.name=houses     instead of a name made from the file and the target
data.drop=[id]             any other override, of the data, the model, the optimizer or the trainer
--config-dir mine          losses, models and data of your own: mine/loss/<name>.yaml
"""

from __future__ import annotations

from collections.abc import Sequence

from lossbench.cli import command


def main(arguments: Sequence[str]) -> None:
    """Answer what the command line asks."""
    from lossbench.ask.question import understood
    from lossbench.ask.rounds import answer

    answer(understood(arguments))


if __name__ == "__main__":
    command.run("lossbench.ask", main, __doc__)
