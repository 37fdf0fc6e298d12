"""The same from Python: a sweep in the words of the command line, and its answer to compute with."""

from lossbench.interactive.answer import Answer, results
from lossbench.interactive.model import Model, load
from lossbench.interactive.running import sweep

__all__ = ["Answer", "Model", "load", "results", "sweep"]
