"""lossbench: which loss should I train with?"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("lossbench")
except PackageNotFoundError:  # a checkout on PYTHONPATH that was never installed
    __version__ = "0.0.0"
