"""Tables behind the figures of a study, from the tables that a study leaves; each is saved beside its figure."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import InputError
from ...inference import predict_curves
from ...inference.comparison.storage import TRAJECTORIES
from ...inference.posterior.posteriors import read_posterior
from ...models import get_model
from ...simulate import Trajectories
from ...simulate.tables import read_parquet

FACTORS = ("model", "event_type", "event", "composition", "network", "visibility", "closure", "seed")
"""What conditions may differ in."""
PROFILE = r"[Oo][Cc][Ee][Aa][Nn]"
"""A profile that names all five traits."""
MOST_PREDICTED = 12
"""Conditions whose predictions are drawn."""
NO_EFFECTS = ("intercept", "between conditions (sd)")
"""Terms of the table of effects that are no effects."""


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read a table of a study.

    Raises
    ------
    InputError
        When it is not there or cannot be read.
    """
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise InputError(f"{path}: is missing; make it with `tworate study FILE.toml --out {folder}`")
    return read_parquet(path)[0]


def compared_conditions(folder: Path) -> pd.DataFrame:
    """Verdict and rates of each condition and closure.

    Returns
    -------
    pandas.DataFrame
        The columns of `conditions.parquet`, and `closure`, `verdict`, `elpd_diff`, `dse`, `reasons`; `rate` (β of one
        rate), `fast`, `slow`, `weight_fast` (two rates) and `ratio` (fast over slow), posterior means, NaN where a
        model was not fitted.
    """
    conditions, comparison = read_table(folder, "conditions"), read_table(folder, "comparison")
    keys = ["condition", "closure"]
    base = comparison.drop_duplicates(keys)
    told = [name for name in ("verdict", "elpd_diff", "dse", "reasons") if name in base]
    found = base[[*keys, *told]]
    for model, columns in (
        ("one-rate", {"beta_mean": "rate"}),
        ("two-rate", {"beta_fast_mean": "fast", "beta_slow_mean": "slow", "weight_fast_mean": "weight_fast"}),
    ):
        rows = comparison[comparison["si_model"] == model].drop_duplicates(keys)
        rows = rows.reindex(columns=[*keys, *columns]).rename(columns=columns)
        found = found.merge(rows, how="left", on=keys)
    found["ratio"] = found["fast"] / found["slow"]
    shared = [name for name in conditions if name == "condition" or name not in found]
    return conditions[shared].merge(found, on="condition")


def varying(table: pd.DataFrame) -> list[str]:
    """Return those of :data:`FACTORS` in which the rows of a table differ; events only where types do not tell them."""
    found = [name for name in FACTORS if name in table and table[name].nunique(dropna=False) > 1]
    if "event" in found and "event_type" in found and table["event"].nunique() == table["event_type"].nunique():
        found.remove("event")
    return found


def profile_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Rates and verdicts of single profiles by type of event.

    Parameters
    ----------
    compared : DataFrame
        From :func:`compared_conditions`.

    Returns
    -------
    pandas.DataFrame
        One row a profile and event type, under the first closure: `composition`, `event_type`, `conditions` (how many
        there are), `rate` and `ratio` (geometric means), and how many have which verdict. The profile that shares most
        comes first; empty where no condition has a single profile.
    """
    single = compared[compared["composition"].astype(str).str.fullmatch(PROFILE)]
    single = single[single["closure"] == single["closure"].iloc[0]] if len(single) else single
    rows = []
    for (profile, kind), part in single.groupby(["composition", "event_type"], sort=False):
        rows.append(
            {
                "composition": profile,
                "event_type": kind,
                "conditions": len(part),
                "rate": _geometric_mean(part["rate"]),
                "ratio": _geometric_mean(part.loc[part["verdict"] == "two-rate", "ratio"]),
                **{verdict: int((part["verdict"] == verdict).sum()) for verdict in VERDICTS},
            }
        )
    if not rows:
        return pd.DataFrame(columns=["composition", "event_type", "conditions", "rate", "ratio", *VERDICTS])
    table = pd.DataFrame(rows)
    order = table.groupby("composition")["rate"].apply(_geometric_mean).rank(method="first", ascending=False)
    kinds = {name: number for number, name in enumerate(table["event_type"].unique())}
    by = [table["composition"].map(order), table["event_type"].map(kinds)]
    return table.iloc[np.lexsort((by[1], by[0]))].reset_index(drop=True)


VERDICTS = ("one-rate", "two-rate", "undecided")


def verdict_table(compared: pd.DataFrame) -> pd.DataFrame:
    """The verdict of every condition, as a map: where it stands, and what it is.

    Returns
    -------
    pandas.DataFrame
        Columns `row` and `column` (in words; what has most values makes the rows, all else that varies the columns),
        `condition`, `closure`, `verdict`, `elpd_diff`, `dse`.
    """
    factors = varying(compared)
    rows = max(factors, key=lambda name: compared[name].nunique(), default=None)
    others = [name for name in factors if name != rows]

    def words(names: list[str]) -> list[str]:
        return [" · ".join(map(str, values)) for values in compared[names].itertuples(index=False)] if names else [""]

    found = compared[["condition", "closure", "verdict", "elpd_diff", "dse"]].copy()
    found.insert(0, "row", words([rows]) if rows else "all")
    found.insert(1, "column", words(others) if others else "all")
    found.attrs["rows"], found.attrs["columns"] = rows or "", ", ".join(others)
    return found


def effect_table(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects that are drawn: those of traits and events, not the intercept or the spread between conditions."""
    return effects[~effects["term"].isin(NO_EFFECTS)].reset_index(drop=True)


def prediction_table(folder: Path, compared: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """What the models predict of some conditions, beside what was observed.

    Conditions are spread evenly over the order of their evidence for two rates, from the strongest to the weakest.
    Each is predicted by the model that its verdict names; by both where it is undecided.

    Parameters
    ----------
    folder : Path
        A study; conditions without a posterior are passed over.
    compared : DataFrame
        From :func:`compared_conditions`.
    seed : int
        Seed of the predictions.

    Returns
    -------
    pandas.DataFrame
        Columns `condition`, `label`, `verdict`, `si_model`, `kind` (`predicted` or `observed`), `trajectory` (observed
        alone), `time` since the start, quantiles `q2.5`, `q25`, `q50`, `q75`, `q97.5` of the prevalence (observed: all
        in `q50`).
    """
    first = compared[compared["closure"] == compared["closure"].iloc[0]]
    ranked = first.sort_values("elpd_diff", ascending=False, kind="stable")
    files = {int(number): _posteriors(folder, int(number)) for number in ranked["condition"]}
    ranked = ranked[[bool(files[int(number)]) for number in ranked["condition"]]]
    chosen = ranked.iloc[np.unique(np.linspace(0, len(ranked) - 1, min(len(ranked), MOST_PREDICTED)).astype(int))]
    if chosen.empty:
        return pd.DataFrame()
    factors = [name for name in varying(first) if name != "closure"]
    # Of many conditions only those that are drawn are made into trajectories.
    whole = read_parquet(folder / TRAJECTORIES)[0]
    parts = []
    for _, row in chosen.iterrows():
        number, verdict = int(row["condition"]), str(row["verdict"])
        told: dict[str, Any] = {
            "condition": number,
            "label": "\n".join(str(row[name]) for name in factors) or f"condition {number}",
            "verdict": verdict,
        }
        data = Trajectories(whole[whole["condition"] == number], source=str(folder / TRAJECTORIES))
        wanted = (verdict,) if verdict != "undecided" else ("one-rate", "two-rate")
        for model in [name for name in wanted if name in files[number]]:
            bands = predict_curves(read_posterior(files[number][model]), data, seed=seed, model=get_model(model))
            parts.append(bands.assign(**told, si_model=model, kind="predicted"))
        for label, path in data.table.groupby("trajectory"):
            time = path["time"] - path["time"].iloc[0]
            observed = pd.DataFrame({"time": time, "q50": path["infected"] / path["population"]})
            parts.append(observed.assign(**told, kind="observed", trajectory=str(label)))
    first_columns = ["condition", "label", "verdict", "si_model", "kind", "trajectory", "time"]
    found = pd.concat(parts, ignore_index=True)
    return found[[*first_columns, "q2.5", "q25", "q50", "q75", "q97.5"]]


def explanation_table(folder: Path) -> pd.DataFrame | None:
    """The splits that `tworate explain` left in the folder; None where it was not asked."""
    path = folder / "explanation.csv"
    if not path.is_file():
        return None
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); run `tworate explain` again") from error


def _posteriors(folder: Path, number: int) -> dict[str, Path]:
    """Files of posteriors of a condition by SI model; of several closures those of the first by name."""
    found: dict[str, Path] = {}
    for path in sorted((folder / "posteriors" / str(number)).rglob("*.nc")):
        found.setdefault(path.stem, path)
    return found


def _geometric_mean(values: Any) -> float:
    known = pd.Series(values).dropna()
    return float(np.exp(np.log(known).mean())) if len(known) else float("nan")
