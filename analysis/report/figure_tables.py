"""Tables for the figures of a study, made from the study's tables; each is saved beside its figure."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import InputError
from ...inference import predict_curves
from ...inference.comparison.storage import TRAJECTORIES
from ...inference.data.individual import EVENT_HISTORIES
from ...inference.posterior.posteriors import read_posterior
from ...models import get_model
from ...simulate import Trajectories
from ...simulate.history_files import read_beside
from ...simulate.tables import read_parquet
from ..study.askings import FACTORS as ASKED

FACTORS = (
    "model",
    "event_type",
    "event",
    "composition",
    "network",
    "visibility",
    "closure",
    "seed",
    *ASKED,
    "scenario",
)
"""Columns in which conditions may differ."""
PROFILE = r"[Oo][Cc][Ee][Aa][Nn]"
"""Pattern of a profile that names all five traits."""
MAX_PREDICTED = 12
"""Number of conditions whose predictions are drawn."""
NO_EFFECTS = ("intercept", "between conditions (sd)", "seed")
"""Terms in the table of effects that are not effects of anything that was chosen."""


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read a table of a study.

    Raises
    ------
    InputError
        When the table is missing or cannot be read.
    """
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise InputError(f"{path}: is missing; make it with `tworate study FILE.toml --out {folder}`")
    return read_parquet(path)[0]


def compared_conditions(folder: Path) -> pd.DataFrame:
    """Return verdict and rates of each condition and closure.

    Returns
    -------
    pandas.DataFrame
        The columns of `conditions.parquet`, and `closure`, `verdict`, `elpd_diff`, `dse`, `reasons`; `rate` (β of one
        rate), `fast`, `slow`, `weight_fast` (two rates) and `ratio` (fast over slow). Rates are posterior means; they
        are NaN if a model was not fitted.
    """
    conditions, comparison = read_table(folder, "conditions"), read_table(folder, "comparison")
    keys = ["condition", "closure"]
    base = comparison.drop_duplicates(keys)
    columns_there = [name for name in ("verdict", "elpd_diff", "dse", "reasons") if name in base]
    table = base[[*keys, *columns_there]]
    for model, columns in (
        ("one-rate", {"beta_mean": "rate"}),
        ("two-rate", {"beta_fast_mean": "fast", "beta_slow_mean": "slow", "weight_fast_mean": "weight_fast"}),
    ):
        rows = comparison[comparison["si_model"] == model].drop_duplicates(keys)
        rows = rows.reindex(columns=[*keys, *columns]).rename(columns=columns)
        table = table.merge(rows, how="left", on=keys)
    table["ratio"] = table["fast"] / table["slow"]
    added = [name for name in conditions if name == "condition" or name not in table]
    return conditions[added].merge(table, on="condition")


def varying(table: pd.DataFrame) -> list[str]:
    """Return the :data:`FACTORS` in which the rows of a table differ; events only if types do not identify them."""
    names = [name for name in FACTORS if name in table and table[name].nunique(dropna=False) > 1]
    if "event" in names and "event_type" in names and table["event"].nunique() == table["event_type"].nunique():
        names.remove("event")
    return names


def profile_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Return rates and verdicts of single profiles by event type.

    Parameters
    ----------
    compared : DataFrame
        From :func:`compared_conditions`.

    Returns
    -------
    pandas.DataFrame
        One row per profile and event type, under the first closure: `composition`, `event_type`, `conditions` (their
        number), `rate` and `ratio` (geometric means), and the number of conditions with each verdict. The profile with
        the highest rate comes first. Empty if no condition has a single profile.
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


VERDICTS = ("one-rate", "two-rate", "heterogeneous", "undecided")


def verdict_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict of every condition with its row and column in the map.

    Returns
    -------
    pandas.DataFrame
        Columns `row` and `column` (texts; the factor with most values gives the rows, all other varying factors the
        columns), `condition`, `closure`, `verdict`, `elpd_diff`, `dse`.
    """
    factors = varying(compared)
    rows = max(factors, key=lambda name: compared[name].nunique(), default=None)
    others = [name for name in factors if name != rows]

    def words(names: list[str]) -> list[str]:
        return [" · ".join(map(str, values)) for values in compared[names].itertuples(index=False)] if names else [""]

    table = compared[["condition", "closure", "verdict", "elpd_diff", "dse"]].copy()
    table.insert(0, "row", words([rows]) if rows else "all")
    table.insert(1, "column", words(others) if others else "all")
    table.attrs["rows"], table.attrs["columns"] = rows or "", ", ".join(others)
    return table


def effect_table(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the effects of traits and events, without the intercept and the sd between conditions."""
    return effects[~effects["term"].isin(NO_EFFECTS)].reset_index(drop=True)


def prediction_table(folder: Path, compared: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Return predicted and observed curves of some conditions.

    Conditions are sorted by their evidence for two rates, from the strongest to the weakest, and chosen at even steps.
    The model of the verdict predicts each condition; both models do if the verdict is undecided.

    Parameters
    ----------
    folder : Path
        Folder of a study; conditions without a posterior are skipped.
    compared : DataFrame
        From :func:`compared_conditions`.
    seed : int
        Seed of the predictions.

    Returns
    -------
    pandas.DataFrame
        Columns `condition`, `label`, `verdict`, `si_model`, `kind` (`predicted` or `observed`), `trajectory` (only
        observed), `time` since the start, quantiles `q2.5`, `q25`, `q50`, `q75`, `q97.5` of the prevalence (observed
        values are in `q50`).
    """
    first = compared[compared["closure"] == compared["closure"].iloc[0]]
    ranked = first.sort_values("elpd_diff", ascending=False, kind="stable")
    files = {int(number): _posteriors(folder, int(number)) for number in ranked["condition"]}
    ranked = ranked[[bool(files[int(number)]) for number in ranked["condition"]]]
    chosen = ranked.iloc[np.unique(np.linspace(0, len(ranked) - 1, min(len(ranked), MAX_PREDICTED)).astype(int))]
    if chosen.empty:
        return pd.DataFrame()
    factors = [name for name in varying(first) if name != "closure"]
    # Make Trajectories only of the chosen conditions; there may be many others.
    table = read_parquet(folder / TRAJECTORIES)[0]
    histories = read_beside(folder / TRAJECTORIES)
    parts = []
    for _, row in chosen.iterrows():
        number, verdict = int(row["condition"]), str(row["verdict"])
        labels: dict[str, Any] = {
            "condition": number,
            "label": "\n".join(str(row[name]) for name in factors) or f"condition {number}",
            "verdict": verdict,
        }
        own = None
        if histories is not None:
            own = histories.select(histories.shares["path_number"][histories.shares["condition"] == number].unique())
        data = Trajectories(table[table["condition"] == number], source=str(folder / TRAJECTORIES), histories=own)
        wanted: tuple[str, ...] = (verdict,) if verdict in ("one-rate", "two-rate") else ("one-rate", "two-rate")
        if own is None and row["closure"] == EVENT_HISTORIES:
            # A study has joined histories only if all of its conditions recorded them.
            wanted = ()
        for model in [name for name in wanted if name in files[number]]:
            bands = predict_curves(read_posterior(files[number][model]), data, seed=seed, model=get_model(model))
            parts.append(bands.assign(**labels, si_model=model, kind="predicted"))
        for label, path in data.table.groupby("trajectory"):
            time = path["time"] - path["time"].iloc[0]
            observed = pd.DataFrame({"time": time, "q50": path["infected"] / path["population"]})
            parts.append(observed.assign(**labels, kind="observed", trajectory=str(label)))
    first_columns = ["condition", "label", "verdict", "si_model", "kind", "trajectory", "time"]
    curves = pd.concat(parts, ignore_index=True)
    return curves[[*first_columns, "q2.5", "q25", "q50", "q75", "q97.5"]]


def explanation_table(folder: Path) -> pd.DataFrame | None:
    """Read the table that `tworate explain` wrote into the folder; return None if there is none."""
    path = folder / "explanation.csv"
    if not path.is_file():
        return None
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); run `tworate explain` again") from error


def _posteriors(folder: Path, number: int) -> dict[str, Path]:
    """Return the posterior files of a condition by SI model; with several closures, those of the first by name."""
    files: dict[str, Path] = {}
    for path in sorted((folder / "posteriors" / str(number)).rglob("*.nc")):
        files.setdefault(path.stem, path)
    return files


def _geometric_mean(values: Any) -> float:
    finite = pd.Series(values).dropna()
    return float(np.exp(np.log(finite).mean())) if len(finite) else float("nan")
