"""Modules that several folders use: linear terms, the style of figures, and memory."""
