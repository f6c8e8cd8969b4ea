"""Intervals, paired tests and the verdict: plain NumPy and SciPy."""
