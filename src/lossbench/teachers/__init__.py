"""Models that are trained once, to teach others: data sets that carry what a teacher says of each example."""
