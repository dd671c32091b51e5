"""Modules that several folders use: linear terms, social cues, the style of figures, memory, and what is run."""
