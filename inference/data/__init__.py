"""Observations: increments of the count, with the exposure behind each."""
