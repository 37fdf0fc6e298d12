"""The version, which is part of the key of every run.

It stands in the source. The metadata of an installed package stay as they were when a checkout moves on, and
runs of the version before would be taken for finished.
"""

__version__ = "0.6.0"
