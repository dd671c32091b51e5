"""Filter events by type, country, fatalities and date."""

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
        Tells whether an event meets the condition.
    value : callable
        Returns the value that is checked; messages show these values when no event is left.
    needs_date : bool
        Whether the condition needs a date that can be read.
    """

    wording: str
    passes: Callable[[Event], bool]
    value: Callable[[Event], Any]
    needs_date: bool = False


@dataclass(frozen=True)
class EventFilter:
    """Conditions on events. An event must meet all of them; there are none by default.

    Parameters
    ----------
    event_types : tuple of str
        Allowed event types of ACLED; case is ignored.
    countries : tuple of str
        Allowed countries, named as in the file; case is ignored.
    min_fatalities, max_fatalities : int, optional
        Bounds on the fatalities, inclusive.
    since, until : datetime.date, optional
        Bounds on the date, inclusive.

    Raises
    ------
    InputError
        When an event type is unknown, or a lower bound exceeds its upper bound.

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
        types = {name.casefold(): name for name in EVENT_TYPES}
        for name in self.event_types:
            if name.strip().casefold() not in types:
                raise InputError(f"event type {name!r} is not ACLED's; choose from {', '.join(EVENT_TYPES)}")
        object.__setattr__(self, "event_types", tuple(types[name.strip().casefold()] for name in self.event_types))
        low, high = self.min_fatalities, self.max_fatalities
        if low is not None and high is not None and low > high:
            raise InputError(f"fatalities of at least {low} and at most {high}: no event meets both; change one")
        if self.since and self.until and self.since > self.until:
            raise InputError(f"since {self.since} and until {self.until}: no event meets both; change one")

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
        """Make a filter from dates as a user writes them.

        Raises
        ------
        InputError
            When a date cannot be read, or for the reasons that the class names.
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
        """The single conditions, in the order in which they are applied."""
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
        # Dates come last: an unreadable date is an error only if the other conditions are met.
        if (first := self.since) is not None:
            steps.append(FilterStep(f"since {first}", lambda e: _day(e) >= first, _day, needs_date=True))
        if (last := self.until) is not None:
            steps.append(FilterStep(f"until {last}", lambda e: _day(e) <= last, _day, needs_date=True))
        return tuple(steps)


class Sifting:
    """Applies a filter to one event after another and records the events that each condition removes.

    Parameters
    ----------
    conditions : EventFilter
        The filter.
    """

    def __init__(self, conditions: EventFilter) -> None:
        self._steps = conditions.steps
        self._removed: list[list[Event]] = [[] for _ in self._steps]
        self._n_seen = 0

    def keeps(self, event: Event) -> bool:
        """Return whether the event meets every condition.

        Raises
        ------
        InputError
            When a condition on the date applies, and the date of the event cannot be read.
        """
        self._n_seen += 1
        for step, removed in zip(self._steps, self._removed, strict=True):
            if step.needs_date:
                try:
                    _day(event)
                except ValueError as error:
                    raise InputError(f"event_date {event.event_date!r} {error} ({step.wording!r} needs it)") from error
            if not step.passes(event):
                removed.append(event)
                return False
        return True

    def summary(self) -> str:
        """Return a sentence with the number of events that each condition leaves."""
        n_left = self._n_seen
        clauses: list[str] = []
        for step, removed in zip(self._steps, self._removed, strict=True):
            n_left -= len(removed)
            if not n_left:
                values = _range([step.value(event) for event in removed])
                return ", ".join(
                    [*clauses, f"{step.wording} leaves 0 (all {len(removed)} removed; their values: {values})"]
                )
            clauses.append(f"{step.wording} leaves {n_left}")
        return ", ".join(clauses)


def _day(event: Event) -> date:
    return parse_date(event.event_date)


def _range(values: list[Any]) -> str:
    """Return the smallest and largest value of numbers or dates, or the list of names."""
    distinct = sorted(set(values))
    if isinstance(distinct[0], str):
        shown = ", ".join(name or "an empty cell" for name in distinct[:12])
        return f"{shown}{f' and {len(distinct) - 12} more' if len(distinct) > 12 else ''}"
    return str(distinct[0]) if len(distinct) == 1 else f"{distinct[0]} to {distinct[-1]}"
