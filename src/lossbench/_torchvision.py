"""A cure for torchvision beside a torch that it was not built for, such as a CPU-only one."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import library as operators

_NAME = "torchvision"


class _BeforeImport:
    """Asked at every import before all others, and finds nothing: but torchvision is mended first."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> None:
        if name == _NAME:
            mend()


def mend_at_import() -> None:
    """Let `import torchvision` succeed from now on in this process; torch is not imported before that."""
    if _NAME not in sys.modules and _BeforeImport not in sys.meta_path:
        sys.meta_path.insert(0, _BeforeImport)


@cache  # which also keeps the definitions alive: they go when the Library does
def mend() -> operators.Library | None:
    """Let `import torchvision` succeed, before anything has imported it.

    pytorch_lightning and torchmetrics import it too. The package index holds a torchvision whose compiled
    part wants CUDA libraries. Beside a CPU-only torch that part does not load, its operators are never
    defined, and the import stops with `operator torchvision::nms does not exist` (pytorch/vision 9077).
    Where the compiled part loads, nothing is changed. Where it does not, the two schemas that the import
    asks for are defined without a body: `datasets`, `transforms.v2` and `models` work, `ops.nms` does not.

    Returns:
        What holds the definitions, or None where none were needed.
    """
    from importlib.util import find_spec
    from pathlib import Path

    import torch
    from torch import library as operators

    if _BeforeImport in sys.meta_path:  # once is enough, and looking for torchvision below asks it
        sys.meta_path.remove(_BeforeImport)
    found = find_spec("torchvision")
    for folder in found.submodule_search_locations or [] if found else []:
        for compiled in [*Path(folder).glob("_C*.so"), *Path(folder).glob("_C*.pyd")]:
            try:
                torch.ops.load_library(compiled)  # type: ignore[no-untyped-call]  # as torchvision will
            except OSError:
                continue
    missing = [name for name in ("nms", "qnms") if not hasattr(torch.ops.torchvision, name)]
    if not missing:
        return None
    library = operators.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in missing:
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    return library
