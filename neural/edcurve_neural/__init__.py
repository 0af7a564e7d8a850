"""The paper's neural compressors, many trained at once, and their gap to the optimum."""
