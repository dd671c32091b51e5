"""The two clocks of a spread."""

from typing import Literal, get_args

Clock = Literal["rounds", "continuous"]
"""Synchronous rounds, in which exposure stays as it is until the next time; or continuous time."""

CLOCKS: tuple[Clock, ...] = get_args(Clock)
"""Clocks by name. The first is the default where the data do not say."""
