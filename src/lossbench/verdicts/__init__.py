"""From the runs of an experiment to numbers: choice, pairs, intervals, verdicts; nothing is shown here."""
