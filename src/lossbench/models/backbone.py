"""Any classifier of torchvision, trained whole, or a last layer on its features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.data.features import featured
from lossbench.data.source import DataSet
from lossbench.errors import InputError, first_line
from lossbench.models import weights
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn

    from lossbench.data.cache import Preparing
    from lossbench.data.stream import Stream

_CLASSES = 1000  # of ImageNet, which the last layer has until it is replaced


@dataclass(frozen=True, kw_only=True)
class Backbone(Model):
    """A network that torchvision knows by name; its last layer is replaced by one of the loss's outputs.

    architecture: of torchvision.models, such as resnet18, mobilenet_v3_small, efficientnet_b0, vit_b_16.
    weights: torchvision's own name of some (DEFAULT, IMAGENET1K_V1, ...), which it downloads once; or a file
        of a state_dict, of which the last layer is not read; null: freshly drawn.
    frozen: the network stays as it is. What its last layer reads is computed once for each image, in
        evaluation (batch norm by its running statistics, no dropout), and kept in the cache; a linear layer
        on it is what trains, and stacks.

    Trained whole, members train in turns, each with a network of its own: batch statistics are buffers of
    it, which its best weights and checkpoints hold. A training batch of one image has no deviation: it is
    normalised by the running statistics.

    Images must be standardised as those of ImageNet are, as data=images does it; gray ones are read in all
    three channels.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("image",)
    architecture: str = knob("resnet18")
    weights: str | None = knob(None, optional=True)
    frozen: bool = knob(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frozen and self.weights is None:
            raise InputError(
                "model.frozen=true keeps the weights as they are, and model.weights=null draws them: set "
                "model.weights=DEFAULT, or to a file of weights."
            )

    @property
    def file_knobs(self) -> tuple[str, ...]:
        return ("weights",) if self._file is not None else ()

    @property
    def _file(self) -> Path | None:
        """Where the weights lie, unless torchvision has a name for them."""
        named = self.weights is None or self.weights.replace("_", "").isalnum()
        return None if named or self.weights is None else Path(self.weights).expanduser()

    def fingerprint(self) -> str:
        """What tells its weights from others; "" where they are drawn.

        Raises:
            InputError: there are no such weights.
        """
        if self.weights is None:
            return ""
        if self._file is None:
            return str(weights.named(self.architecture, self.weights))
        return weights.digest_of(self._file)

    @property
    def preparing(self) -> Preparing | None:
        return self if self.frozen else None

    def prepared(self, data: DataSet | Stream) -> DataSet:
        """Features in the place of images, of one that is frozen.

        Raises:
            InputError: the data is not held, or changes its training images each time.
        """
        held = data if isinstance(data, DataSet) else data.whole
        name = data.description.name
        if held is None:
            raise InputError(
                f"model.frozen=true computes the features of all images before training, and data={name} is "
                "read batch by batch alone: set model.frozen=false."
            )
        if held.fresh is not None:
            raise InputError(
                f"model.frozen=true computes the features of each image once, and data={name} makes training "
                "images anew each time: turn that off (data.flip=false data.shift=0 data.crop=0), or set "
                "model.frozen=false."
            )
        known_by = (self.architecture, self.fingerprint())
        return featured(held, partial(_features, self, held.description.inputs), known_by)

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, channels, height, width) -> (N, outputs); where it is frozen, of its features (N, F).

        Raises:
            InputError: there is no such architecture or weights, or it cannot read such images.
        """
        from torch import nn

        if inputs.kind == "vector":
            return nn.Linear(inputs.shape[0], outputs)
        network = self._network(inputs)
        place, last = _last_layer(network)
        if isinstance(last, nn.Linear):
            network.set_submodule(place, nn.Linear(last.in_features, outputs))
        else:
            network.set_submodule(place, nn.Conv2d(last.in_channels, outputs, 1))
        return _on_images(network, self, inputs)

    def _network(self, inputs: Inputs) -> nn.Module:
        """With a last layer for ImageNet, so that draws of all others do not depend on the outputs."""
        from torchvision import models

        if inputs.shape[0] not in (1, 3):
            raise InputError(
                f"model={self.name} reads images of 1 or 3 channels and got {inputs.shape[0]}: choose "
                "model=cnn."
            )
        weights.check_known(self.architecture)
        more: dict[str, Any] = {}
        if self.architecture in ("googlenet", "inception_v3"):
            more = {"aux_logits": False, "init_weights": self.weights is None}
            more["transform_input"] = self.weights is not None  # as torchvision does with its own
        if self.architecture.startswith("vit_") and self.weights is None:
            more = {"image_size": inputs.shape[1]}
        if self.architecture.startswith("maxvit") and self.weights is None:
            more = {"input_size": tuple(inputs.shape[1:])}
        try:
            network: nn.Module = models.get_model(self.architecture, weights=None, **more)
        except (ValueError, RuntimeError, AssertionError) as error:  # of a size that does not divide
            raise self._unfit(inputs, error) from error
        if self.weights is not None:
            state = weights.state_of(self.architecture, self.weights, self._file, self.fingerprint())
            weights.give(network, state, _last_layer(network)[0], self.architecture, self.weights)
        return network

    def _unfit(self, inputs: Inputs, error: Exception) -> InputError:
        height, width = inputs.shape[1:]
        return InputError(
            f"model.architecture={self.architecture} cannot read images of {height} x {width} pixels "
            f"({first_line(error).rstrip('.')}): set data.size to another size, as 224."
        )


def _features(model: Backbone, inputs: Inputs) -> nn.Module:
    """The network without its last layer."""
    import torch
    from torch import nn

    network = model._network(inputs)
    network.set_submodule(_last_layer(network)[0], nn.Identity())
    whole = _on_images(network, model, inputs)
    try:
        with torch.inference_mode():
            whole.eval()(torch.zeros(1, *inputs.shape))
    except Exception as error:  # whatever a network says of a size that it cannot read
        raise model._unfit(inputs, error) from error
    return whole


def _last_layer(network: nn.Module) -> tuple[str, Any]:
    from torch import nn

    layers = [
        (name, layer)
        for name, layer in network.named_modules()
        if (isinstance(layer, nn.Linear) and layer.out_features == _CLASSES)
        or (isinstance(layer, nn.Conv2d) and layer.out_channels == _CLASSES)
    ]
    return layers[-1]


def _on_images(network: nn.Module, model: Backbone, inputs: Inputs) -> nn.Module:
    """A network that reads what lossbench's data gives: gray as colour, standardised as its weights want."""
    from lossbench.models.reading import Reading

    named = model.weights is not None and model._file is None
    transforms = weights.named(model.architecture, str(model.weights)).transforms() if named else None
    own = () if transforms is None else (transforms.mean, transforms.std)
    return Reading(network, inputs.shape[0], *own)
