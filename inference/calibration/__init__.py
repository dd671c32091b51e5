"""Calibration: simulation-based calibration, and recovery of known data-generating processes."""
