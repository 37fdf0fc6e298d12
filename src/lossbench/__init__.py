"""lossbench: which loss should I train with?"""

from importlib.metadata import PackageNotFoundError, version

from lossbench._torchvision import mend_at_import

mend_at_import()  # a user's model, Lightning and torchmetrics import torchvision whenever they like

try:
    __version__ = version("lossbench")
except PackageNotFoundError:  # a checkout on PYTHONPATH that was never installed
    __version__ = "0.0.0"
