"""lossbench: which loss should I train with?"""

from typing import Any

from lossbench._processor import settle_products
from lossbench._torchvision import mend_at_import
from lossbench._version import __version__ as __version__

settle_products()
mend_at_import()  # a user's model, Lightning and torchmetrics import torchvision whenever they like

_INTERACTIVE = ("Answer", "Model", "load", "results", "sweep")


def __getattr__(name: str) -> Any:
    """What Python calls, imported when it is asked for: the command line starts without it."""
    if name not in _INTERACTIVE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lossbench import interactive

    return getattr(interactive, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_INTERACTIVE])
