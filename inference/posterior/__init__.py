"""Posteriors: sampling, fitting, diagnostics, derived quantities, prediction, and files."""
