"""A model that a run kept, with the preprocessing of its data: it predicts for new rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError
from lossbench.kept_model import module_of, trained, unchanged, weights_of

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from lossbench.data.source import DataSet
    from lossbench.job import Member
    from lossbench.task import Prediction

_AT_ONCE = 1024  # rows


@dataclass(frozen=True)
class Model:
    """What `load` gives.

    Attributes:
        run_id: of the run that kept the weights, those of the epoch that validation chose.
        module: the network itself, which reads inputs as the data set made them.
    """

    run_id: str
    module: nn.Module = field(repr=False)
    member: Member = field(repr=False)
    data: DataSet = field(repr=False)

    def predict(self, rows: Any) -> pd.DataFrame:
        """What the model says of rows.

        Args:
            rows: of `data=table` a DataFrame with the table's columns, the target not among them; or inputs
                (N, ...) as the model reads them, scaled and of the shape of `model.data.description.inputs`.

        Returns:
            a row for each. Of a number a column named by the target, in its own units; of classes `predicted`
            and, where the loss defines them, a probability for each class.

        Raises:
            InputError: rows do not fit the data, or the model says neither a number nor a class.
        """
        import pandas as pd

        inputs = self._inputs(rows)
        found = self._said(inputs)
        index = rows.index if isinstance(rows, pd.DataFrame) else None
        target = self.member.target
        name = str(getattr(self.member.source, "target", None) or target.kind)
        if "value" in found and found["value"].dim() == 1:
            return pd.DataFrame({name: found["value"].numpy()}, index=index)
        if "scores" not in found or found["scores"].dim() != 2:
            raise InputError(f"The model of run {self.run_id} says neither a number nor a class of a row.")
        names = target.names or tuple(map(str, range(found["scores"].shape[1])))
        columns = {name: [names[place] for place in found["scores"].argmax(1).tolist()]}
        if "probabilities" in found:
            columns |= {
                f"p({own})": p for own, p in zip(names, found["probabilities"].T.tolist(), strict=True)
            }
        return pd.DataFrame(columns, index=index)

    def _inputs(self, rows: Any) -> Tensor:
        import pandas as pd
        import torch

        if isinstance(rows, pd.DataFrame):
            made: Tensor = self.member.source.new_inputs(rows, self.member.seed)
            return made
        inputs, shape = torch.as_tensor(rows), self.data.description.inputs.shape
        if tuple(inputs.shape[1:]) != tuple(shape):
            wanted = ", ".join(map(str, ("N", *shape)))
            raise InputError(f"Inputs have the shape {tuple(inputs.shape)}, and the model reads ({wanted}).")
        return inputs.float() if inputs.is_floating_point() else inputs

    def _said(self, inputs: Tensor) -> Prediction:
        """Of all rows, in units of the target."""
        import torch

        from lossbench.task import Prediction

        with torch.no_grad():
            parts = [
                self._of_chunk(chunk, start) for start, chunk in enumerate(torch.split(inputs, _AT_ONCE))
            ]
        found = Prediction(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})
        units = self.data.units.get(self.member.target.kind)
        if units is not None and "value" in found:
            found["value"] = units.own(found["value"].double())
        return found

    def _of_chunk(self, inputs: Tensor, number: int) -> Prediction:
        from lossbench.pack.groups import predicted
        from lossbench.pack.noise import arguments, drawn
        from lossbench.task import Prediction
        from lossbench.trees import mapped, part

        member = self.member
        wanted = member.model.noise(self.data.description.inputs)
        noise = drawn(wanted, [member.seed], len(inputs), "predict", number)
        outputs = mapped(lambda one: one.unsqueeze(0), self.module(*arguments(inputs, part(noise, 0))))
        said = predicted(member.loss, member.target, member.layout, outputs)
        return Prediction(
            **{name: tensor[0] for name, tensor in said.items() if tensor.shape[:2] == (1, len(inputs))}
        )


def load(run_id: str, *, tracking_uri: str | None = None) -> Model:
    """The model of a run that was trained with `tracking.models=true`.

    The preprocessing is made again from the data that the run was trained on, which has to be there still.

    Args:
        run_id: as MLflow and `answer.runs` have it.
        tracking_uri: where the run is; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db in this folder.

    Raises:
        InputError: there is no such run, it kept no weights, or its data has changed.
    """
    from lossbench.data.source import DataSet
    from lossbench.tracking import resolve_uri

    uri = resolve_uri(tracking_uri)
    member, tags = trained(run_id, uri)
    weights = weights_of(run_id, uri, tags, "predict with")
    if not unchanged(member, tags):
        raise InputError(
            f"The data that run {run_id} was trained on has changed since, and so has what its model would "
            "read: put the old one back, or train on the new one."
        )
    data = member.source.load(member.seed, member.reads)
    if not isinstance(data, DataSet):
        raise InputError(
            f"data={member.source.name} is read batch by batch, and gives no model to predict with."
        )
    return Model(run_id, module_of(run_id, member, data.description.inputs, weights), member, data)
