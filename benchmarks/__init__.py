"""Comparisons with peers: each figure is a ratio of two things measured in the same process and run."""
