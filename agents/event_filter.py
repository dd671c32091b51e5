"""Which events of a file are meant: by type, country, fatalities and date."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from ..errors import InputError
from .event import EVENT_TYPES, Event, parse_date


@dataclass(frozen=True)
class FilterStep:
    """One condition on events.

    Parameters
    ----------
    wording : str
        The condition in words, for messages: `country Mali`.
    passes : callable
        Whether an event meets it.
    value : callable
        What it looks at, to say what there was where nothing is left.
    needs_date : bool
        Whether it cannot judge an event without a date.
    """

    wording: str
    passes: Callable[[Event], bool]
    value: Callable[[Event], Any]
    needs_date: bool = False


@dataclass(frozen=True)
class EventFilter:
    """Conditions that an event must meet, all of them; none by default.

    Parameters
    ----------
    event_types : tuple of str
        ACLED's types, in any case; any of them.
    countries : tuple of str
        Names of countries as the file writes them, in any case; any of them.
    min_fatalities, max_fatalities : int, optional
        Bounds of the fatalities, inclusive.
    since, until : datetime.date, optional
        Bounds of the date, inclusive.

    Raises
    ------
    InputError
        When there is no such type, or bounds cross.

    Examples
    --------
    >>> [step.wording for step in EventFilter(event_types=("battles",), since=date(2023, 5, 1)).steps]
    ['event type Battles', 'since 2023-05-01']
    """

    event_types: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    min_fatalities: int | None = None
    max_fatalities: int | None = None
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        known = {name.casefold(): name for name in EVENT_TYPES}
        for name in self.event_types:
            if name.strip().casefold() not in known:
                raise InputError(f"event type {name!r} is not ACLED's; choose of {', '.join(EVENT_TYPES)}")
        object.__setattr__(self, "event_types", tuple(known[name.strip().casefold()] for name in self.event_types))
        low, high = self.min_fatalities, self.max_fatalities
        if low is not None and high is not None and low > high:
            raise InputError(f"fatalities of at least {low} and at most {high}: no event has both; change one")
        if self.since and self.until and self.since > self.until:
            raise InputError(f"since {self.since} and until {self.until}: no event has both; change one")

    @classmethod
    def from_text(
        cls,
        event_types: Sequence[str] = (),
        countries: Sequence[str] = (),
        min_fatalities: int | None = None,
        max_fatalities: int | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> "EventFilter":
        """Make a filter with dates as a user writes them.

        Raises
        ------
        InputError
            When a date cannot be read, beside those of the class.
        """
        days = []
        for name, text in (("since", since), ("until", until)):
            try:
                days.append(None if text is None else parse_date(text))
            except ValueError as error:
                raise InputError(f"{name} {text!r} {error}") from error
        return cls(tuple(event_types), tuple(countries), min_fatalities, max_fatalities, *days)

    @cached_property
    def steps(self) -> tuple[FilterStep, ...]:
        """The conditions one by one, in the order in which they are applied."""
        steps = []
        if self.event_types:
            types = set(self.event_types)
            wording = f"event type {' or '.join(self.event_types)}"
            steps.append(FilterStep(wording, lambda e: e.event_type in types, lambda e: e.event_type))
        if self.countries:
            names = {name.strip().casefold() for name in self.countries}
            wording = f"country {' or '.join(self.countries)}"
            steps.append(FilterStep(wording, lambda e: e.country.casefold() in names, lambda e: e.country))
        if (low := self.min_fatalities) is not None:
            steps.append(
                FilterStep(f"fatalities of at least {low}", lambda e: e.fatalities >= low, lambda e: e.fatalities)
            )
        if (high := self.max_fatalities) is not None:
            steps.append(
                FilterStep(f"fatalities of at most {high}", lambda e: e.fatalities <= high, lambda e: e.fatalities)
            )
        # Last, so that a date that cannot be read matters only where it decides.
        if (first := self.since) is not None:
            steps.append(FilterStep(f"since {first}", lambda e: _day(e) >= first, _day, needs_date=True))
        if (last := self.until) is not None:
            steps.append(FilterStep(f"until {last}", lambda e: _day(e) <= last, _day, needs_date=True))
        return tuple(steps)


class Sifting:
    """Applies a filter to one event after another, and remembers what each condition left out.

    Parameters
    ----------
    conditions : EventFilter
        The filter.
    """

    def __init__(self, conditions: EventFilter) -> None:
        self._steps = conditions.steps
        self._refused: list[list[Event]] = [[] for _ in self._steps]
        self._seen = 0

    def keeps(self, event: Event) -> bool:
        """Whether the event meets every condition.

        Raises
        ------
        InputError
            When a condition on the date decides, and the event's cannot be read.
        """
        self._seen += 1
        for step, refused in zip(self._steps, self._refused, strict=True):
            if step.needs_date:
                try:
                    _day(event)
                except ValueError as error:
                    raise InputError(f"event_date {event.event_date!r} {error} ({step.wording!r} needs it)") from error
            if not step.passes(event):
                refused.append(event)
                return False
        return True

    def summary(self) -> str:
        """How many events each condition left of those that came to it."""
        left = self._seen
        said: list[str] = []
        for step, refused in zip(self._steps, self._refused, strict=True):
            left -= len(refused)
            if not left:
                there = _range([step.value(event) for event in refused])
                return ", ".join([*said, f"{step.wording} leaves 0 (those {len(refused)} have {there})"])
            said.append(f"{step.wording} leaves {left}")
        return ", ".join(said)


def _day(event: Event) -> date:
    return parse_date(event.event_date)


def _range(values: list[Any]) -> str:
    """What there was: bounds of numbers and dates, or the names."""
    distinct = sorted(set(values))
    if isinstance(distinct[0], str):
        shown = ", ".join(name or "an empty cell" for name in distinct[:12])
        return f"{shown}{f' and {len(distinct) - 12} more' if len(distinct) > 12 else ''}"
    return str(distinct[0]) if len(distinct) == 1 else f"{distinct[0]} to {distinct[-1]}"
