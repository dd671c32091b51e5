"""Which column of a table is what."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ...errors import InputError, nearest

OURS = (
    "trajectory", "time", "infected", "incidence", "population", "si_edges", "sightings", "degree", "degrees",
    "time_unit", "agent", "seed", "network", "persona",
)  # fmt: skip
"""Our names of columns. `incidence` is the count of new sharers in the interval that ends at the time."""

_TIMES = {
    "t", "date", "dates", "datetime", "date_time", "timestamp", "time_stamp", "created_at", "createdat", "created",
    "posted_at", "published_at", "retweeted_at", "shared_at", "when", "day", "days", "hour", "hours", "minute",
    "minutes", "second", "seconds", "week", "weeks", "round", "rounds", "step", "tick", "epiweek", "date_reported",
    "reporting_date", "date_rep", "daterep", "reference_date",
}  # fmt: skip
_UNITS = {"day": "day", "days": "day", "hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute",
          "second": "second", "seconds": "second", "week": "week", "weeks": "week"}  # fmt: skip
_CUMULATIVE = {
    "cumulative", "cum", "cumulative_count", "cumulative_cases", "cum_cases", "cumcases", "total_cases", "total_count",
    "total_shares", "total_retweets", "cumulative_shares", "cumulative_retweets", "n_infected", "n_shared", "sharers",
    "cumulative_infected", "cumulative_incidence", "infected_cumulative", "cases_cumulative", "ever_infected",
}  # fmt: skip
_NEW = {
    "new", "new_cases", "new_shares", "new_retweets", "new_infections", "new_infected", "new_sharers", "daily_cases",
    "daily_new_cases", "cases_new", "newcases", "daily_count", "daily_shares", "daily_retweets", "cases_weekly",
    "weekly_cases", "hourly_shares", "hourly_retweets",
}  # fmt: skip
_POPULATIONS = {"pop", "populations", "population_size", "n", "n_agents", "total_population", "pop_size", "n_users",
                "population_total", "inhabitants", "users"}  # fmt: skip
_TRAJECTORIES = {
    "trajectories", "cascade", "cascades", "cascade_id", "series", "series_id", "run", "run_id", "replicate", "rep",
    "simulation", "sim", "sim_id", "trial", "tweet_id", "tweet", "post", "post_id", "message_id", "story", "story_id",
    "url", "hashtag", "outbreak", "region", "country", "province", "state", "location", "place", "group",
    "root_id", "root_tweet_id", "original_tweet_id", "thread_id", "conversation_id",
}  # fmt: skip
_AGENTS = {
    "agents", "user", "user_id", "userid", "users_id", "account", "account_id", "author", "author_id", "screen_name",
    "username", "user_name", "handle", "node", "node_id", "person", "person_id", "individual", "actor", "sharer",
    "retweeter", "member", "name", "id",
}  # fmt: skip
_SURE_AGENTS = ("user", "account", "author", "screen", "handle", "retweet", "sharer", "agent")
"""Parts of names of columns that are of agents, and not of places, series or posts."""
_PARTS_OF_TIMES = {"year", "month", "week", "day", "date", "time", "hour", "minute", "second"}
"""Names of columns over which one time may be spread."""
_CURRENT = {"active", "active_cases", "currently_infected", "current_cases", "current", "prevalence", "prevalent"}
"""Columns of those who are infected now: they lose those who recover, and a share is never lost."""

_KNOWN = {
    "time": _TIMES,
    "infected": _CUMULATIVE,
    "incidence": _NEW,
    "population": _POPULATIONS,
    "trajectory": _TRAJECTORIES,
    "agent": _AGENTS,
}


def named(
    table: pd.DataFrame, given: Mapping[str, str], place: str, *, wanted: Iterable[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Give the columns of a table our names: as the user says, then by our names, then by names that are common.

    Parameters
    ----------
    table : pandas.DataFrame
        A table with the names of its author.
    given : mapping of str to str
        Our name to the table's, as the user says.
    place : str
        Name of the table in messages.
    wanted : iterable of str
        Our names that are looked for among common ones.

    Returns
    -------
    table : pandas.DataFrame
        Other columns keep their names.
    notes : list of str
        Which columns were taken for what because of their names.

    Raises
    ------
    InputError
        When the user names a column that is not there, or one name is given twice.
    """
    columns = [str(name) for name in table.columns]
    taken: dict[str, str] = {}
    for ours, theirs in given.items():
        if ours not in OURS:
            raise InputError(
                f"column {ours}={theirs}: {ours!r} is none of the names that tworate uses; they are "
                f"{', '.join(OURS)}{nearest(ours, OURS, '')}"
            )
        if theirs not in columns:
            raise InputError(
                f"{place}: has no column {theirs!r}; there are: {', '.join(columns)}{nearest(theirs, columns, '')}"
            )
        if ours in columns and ours != theirs and ours not in given.values():
            raise InputError(
                f"{place}: has a column {ours!r} already, so {theirs!r} cannot be named so; remove one of them"
            )
        taken[theirs] = ours
    if len(taken) < len(given):
        raise InputError(f"{place}: one column is given two names; name each column once")
    for name in columns:
        ours = _plain(name)
        if name not in taken and ours in OURS and ours not in taken.values() and ours not in columns:
            taken[name] = ours
    notes = []
    for ours in wanted:
        if ours in taken.values() or ours in columns:
            continue
        found = [name for name in columns if name not in taken and _plain(name) in _KNOWN.get(ours, ())]
        if ours == "trajectory":
            # A label that differs in every row is that of a row.
            found = [name for name in found if table[name].duplicated().any()]
        if ours == "agent" and len(found) > 1:
            found = [name for name in found if is_surely_agent(name)]
        # Two columns that could be meant are for the user to choose from.
        if len(found) == 1:
            taken[found[0]] = ours
            notes.append(f"the column {found[0]} is taken for {ours}")
    return table.set_axis([taken.get(name, name) for name in columns], axis=1), notes


def unit_of_name(name: str) -> str | None:
    """Return the unit of time that the name of a column says, such as day."""
    return _UNITS.get(_plain(name))


def is_identifier(name: str) -> bool:
    """Return whether a name is that of agents or of other things that have numbers, and not of a trajectory."""
    plain = _plain(name)
    return plain in _AGENTS or plain == "id" or plain.endswith("_id")


def is_surely_agent(name: str) -> bool:
    """Return whether a name is that of agents, and of nothing else."""
    return any(part in _plain(name) for part in _SURE_AGENTS)


def refuse_split_times(table: pd.DataFrame, names: Mapping[str, str], place: str) -> None:
    """Raise an InputError when the time of a table in our names seems to be spread over several columns."""
    if "time" not in table:
        return
    parts = [str(name) for name in table.columns if name not in OURS and _plain(name) in _PARTS_OF_TIMES]
    keys = [name for name in ("trajectory",) if name in table]
    split = []
    for name in parts:
        own = table[[*keys, "time", name]]
        varies = own.groupby(keys)[name].nunique().max() > 1 if keys else own[name].nunique() > 1
        pairs = len(own[["time", name]].drop_duplicates())
        # Another form of the same time goes with it one to one, and in the order of the file.
        is_form = pairs == own["time"].nunique() == own[name].nunique() and _rises(own["time"], own[keys])
        if varies and not is_form:
            split.append(name)
    if split:
        columns = ", ".join([*split, names.get("time", "time")])
        raise InputError(
            f"{place}: the time seems to stand in several columns ({columns}); join them in one, such as "
            "2026-11-29 14:05, or say which one is the time: --column time=NAME"
        )


def _rises(time: "pd.Series[Any]", keys: pd.DataFrame) -> bool:
    """Return whether numbers or dates, as they stand in the file, never fall within a trajectory."""
    numbers = pd.to_numeric(time, errors="coerce")
    values = pd.Series(time.to_numpy() if numbers.isna().any() else numbers.to_numpy())
    if not keys.shape[1]:
        return bool(values.is_monotonic_increasing)
    return bool(values.groupby(pd.factorize(keys.iloc[:, 0])[0]).apply(lambda own: own.is_monotonic_increasing).all())


def refuse_current(names: Iterable[str], place: str) -> None:
    """Raise an InputError when the only counts are of those who are infected now."""
    if current := [name for name in names if _plain(name) in _CURRENT]:
        raise InputError(
            f"{place}: {current[0]} seems to count those who are infected now, which falls when they recover; tworate "
            "needs all who have shared so far (infected) or the new ones of each interval (--incidence); if it is one "
            f"of these, say --column infected={current[0]}"
        )


def parse_columns(texts: Iterable[str]) -> dict[str, str]:
    """Read settings such as `infected=retweets`: our name, then the file's.

    Raises
    ------
    InputError
        When a setting has another form, or one of our names comes twice.
    """
    columns: dict[str, str] = {}
    for text in texts:
        ours, equals, theirs = (part.strip() for part in text.partition("="))
        if not (ours and equals and theirs):
            raise InputError(f"--column {text}: must be NAME=COLUMN, such as infected=retweets")
        if ours in columns:
            raise InputError(f"--column {text}: {ours} is given twice")
        columns[ours] = theirs
    return columns


def _plain(name: Any) -> str:
    """Return a name in lower case, with one underscore for all that is not a letter or digit."""
    return re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(name))).strip("_").lower()
