"""The two clocks of a spread."""

from typing import Literal, get_args

Clock = Literal["rounds", "continuous"]
"""Synchronous rounds, in which the exposure rate is constant until the next time; or continuous time."""

CLOCKS: tuple[Clock, ...] = get_args(Clock)
"""Clocks by name. The first is the default if the data do not name one."""
