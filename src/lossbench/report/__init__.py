"""From finished runs in MLflow to a table, verdicts and figures: `python -m lossbench.report`."""
