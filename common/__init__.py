"""Modules that several folders use: linear terms, the style of figures, memory, and what is run."""
