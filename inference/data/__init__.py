"""Observations: increments of the count, with the exposure of each."""
