"""The command line: a command parses, calls one library function, and prints."""

from .app import main

__all__ = ["main"]
