"""Figures made for the question; each is drawn from tidy data and stays readable without colour."""

from lossbench.report.figures.gallery import draw

__all__ = ["draw"]
