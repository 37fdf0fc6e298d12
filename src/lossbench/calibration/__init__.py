"""How far the verdicts can be trusted: simulated experiments, whose truth is known, judged as real ones."""
