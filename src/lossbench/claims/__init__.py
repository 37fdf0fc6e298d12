"""What an experiment says before it trains: its claims, and the metrics that judge and choose."""
