"""Hydra plugin: `hydra/launcher=pack` trains the jobs of a sweep together."""
