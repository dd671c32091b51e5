"""Numbers of a recovery study: confusion, power, calibration, parameters, targets."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from ..comparison.verdict import GAIN, STANDARD_ERRORS, rule
from ..posterior.fitting import DEFAULT_LIKELIHOOD
from .process_registry import DATA_GENERATING_PROCESSES
from .recovery import METHOD

LEVEL = 0.99
"""One-sided confidence that the limit is exceeded, from which a target counts as missed."""
MIN_DATA_SETS = 40
"""A target is not judged if it has fewer data sets than this."""
VERDICTS = ("one-rate", "undecided", "heterogeneous", "two-rate")


@dataclass(frozen=True)
class Target:
    """A target, and whether it was met.

    Parameters
    ----------
    name : str
        What is counted.
    limit : float
        Highest acceptable share of errors.
    errors, n : int
        Number of errors, and number of data sets.
    low, high : float
        95% interval (Clopper and Pearson) of the share of errors.
    status : {"met", "open", "missed", "too few"}
        `missed`: with a true share of errors at the limit, so many errors would have a probability below 1%; `open`:
        above the limit, but chance can explain it; `too few`: too few data sets to judge.
    """

    name: str
    limit: float
    errors: int
    n: int
    low: float
    high: float
    status: str


def targets(rows: pd.DataFrame) -> list[Target]:
    """Judge the targets on the rows of the default method. Their labels are those of the quick grid."""
    judged: list[Target] = _structure_targets(rows)
    rows = default_rows(rows)
    label = rows["label"].astype(str)

    def add(name: str, limit: float, chosen: "pd.Series[bool]", errors: "pd.Series[bool]") -> None:
        judged.append(_target(name, limit, int(errors[chosen].sum()), int(chosen.sum())))

    for kind in ("who", "when"):
        found = rows["verdict"].isin(["two-rate", "heterogeneous"])
        add(f"rates found to differ ({kind})", 0.02, label == f"found: {kind}", ~found)
    one = label.str.startswith("one rate: ")
    for name in sorted(label[one].unique()):
        add(f"two rates where there is one ({name.split(': ')[1]})", 0.02, label == name, is_false(rows))
    add("two rates where there is one (all)", 0.02, one, rows["verdict"] == "two-rate")
    for kind in ("background", "varying", "clock"):
        add(f"two-rate verdict ({kind})", 0.05, label == f"imitated: {kind}", is_false(rows))
    add("confident error near a ratio of 1", 0.02, label.str.startswith("shift: "), is_confident_error(rows))
    return judged


def _structure_targets(rows: pd.DataFrame) -> list[Target]:
    """Judge the targets of the grid of structures, at each level."""
    rows = rows[rows["label"].astype(str).str.startswith("structures: ")]
    judged = []
    for level, limit in (("individual", 0.02), ("count", 0.05)):
        own = rows[rows["level"] == level]
        two_rates = own["truth"].map({name: truth.two_rates for name, truth in DATA_GENERATING_PROCESSES.items()})
        one = own[~two_rates.astype(bool)]
        if len(one):
            differ = one["verdict"].isin(["two-rate", "heterogeneous"])
            name = f"rates that differ where one rate has a structure ({level})"
            judged.append(_target(name, limit, int(differ.sum()), len(one)))
    own = rows[rows["level"] == "individual"]
    two = own[own["truth"].map({n: t.two_rates for n, t in DATA_GENERATING_PROCESSES.items()}).astype(bool)]
    if len(two):
        missed = ~two["verdict"].isin(["two-rate", "heterogeneous"])
        judged.append(
            _target("rates found to differ beside a structure (individual)", 0.05, int(missed.sum()), len(two))
        )
    return judged


def _target(name: str, limit: float, errors: int, n: int) -> Target:
    low, high = interval(errors, n)
    if n < MIN_DATA_SETS:
        status = "too few"
    elif errors <= limit * n:
        status = "met"
    else:
        status = "missed" if binomtest(errors, n, limit, alternative="greater").pvalue < 1 - LEVEL else "open"
    return Target(name, limit, errors, n, low, high, status)


def interval(count: int, n: int) -> tuple[float, float]:
    """Return the 95% interval of a share, by Clopper and Pearson."""
    if n == 0:
        return 0.0, 1.0
    ends = binomtest(count, n).proportion_ci(0.95, method="exact")
    return float(ends.low), float(ends.high)


def default_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the default method of each level."""
    usual = rows["likelihood"] == rows["level"].map(DEFAULT_LIKELIHOOD)
    plain = (rows["closure"] == "default") & (rows["prior_scale"] == 1.0) & (rows["covariates"] == "")
    return rows[usual & plain]


def is_false(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return whether two rates are falsely found."""
    two_rates = (
        rows["truth"].map({name: truth.two_rates for name, truth in DATA_GENERATING_PROCESSES.items()}).astype(bool)
    )
    return (rows["verdict"] == "two-rate") & ~two_rates


def is_mistimed(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return whether the clock of the fit differs from that of the data."""
    return rows["taken_as"].notna() & (rows["taken_as"] != rows["clock"])


def is_confident_error(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return whether a verdict is wrong although the data could tell.

    An error is a false two-rate verdict; or one rate where the two-rate posterior predicts fresh data better, by
    more than the verdict's own thresholds. One rate is no error where a second rate gains nothing: that is parsimony.
    """
    shown = (rows["fresh_diff"] > GAIN) & (rows["fresh_diff"] > STANDARD_ERRORS * rows["fresh_dse"])
    return is_false(rows) | ((rows["verdict"] == "one-rate") & shown)


def confusion(rows: pd.DataFrame) -> pd.DataFrame:
    """Count verdicts by label and method, with shares and 95% intervals; one row per verdict."""
    table = []
    verdicts = rows["verdict"]
    by = ["label", "truth", *METHOD]
    for values, part in verdicts.groupby([rows[name] for name in by]):
        for verdict in VERDICTS:
            count = int((part == verdict).sum())
            low, high = interval(count, len(part))
            table.append(
                {
                    **dict(zip(by, values, strict=True)),
                    "verdict": verdict,
                    "count": count,
                    "n": len(part),
                    "share": count / len(part),
                    "low": low,
                    "high": high,
                }
            )
    return pd.DataFrame(table)


def power(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute shares of two-rate and one-rate verdicts by the true ratio, in bins on the log scale.

    Each level has the rows of its default method.
    """
    rows = default_rows(rows)
    if "truth_ratio" not in rows or rows["truth_ratio"].isna().all():
        return pd.DataFrame(columns=["truth", "level", "ratio", "n", "two_rate", "low", "high", "one_rate"])
    rows = rows[rows["truth_ratio"].notna()]
    bins = np.exp2(np.round(2 * np.log2(rows["truth_ratio"])) / 2)
    table = []
    for (truth, level, ratio), part in rows.groupby(["truth", "level", bins]):
        count = int((part["verdict"] == "two-rate").sum())
        low, high = interval(count, len(part))
        one = float((part["verdict"] == "one-rate").mean())
        table.append(
            {"truth": truth, "level": level, "ratio": ratio, "n": len(part), "two_rate": count / len(part), "low": low,
             "high": high, "one_rate": one}
        )  # fmt: skip
    return pd.DataFrame(table)


def surprise(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the distance of `elpd_diff` from its value on fresh data, in standard errors; ideal mean 0 and sd 1.

    `z = (elpd_diff - fresh_diff) / sqrt(dse² + fresh_dse²)`.
    """
    z: pd.Series[float] = (rows["elpd_diff"] - rows["fresh_diff"]) / np.hypot(rows["dse"], rows["fresh_dse"])
    return z


def calibration(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare elpd_diff with fresh data, by the size of `|elpd_diff| / dse`; default method.

    Columns: `n`, the share of data sets whose sign holds on fresh data with its interval, and mean and standard
    deviation of the :func:`surprise`.
    """
    rows = default_rows(rows).dropna(subset=["elpd_diff", "fresh_diff"])
    size = (rows["elpd_diff"].abs() / rows["dse"]).fillna(0.0)
    bounds = (0.0, 1.0, 2.0, 4.0, np.inf)
    z = surprise(rows)
    holds = np.sign(rows["elpd_diff"]) == np.sign(rows["fresh_diff"])
    table = []
    for low, high in pairwise(bounds):
        chosen = (size >= low) & (size < high)
        n, count = int(chosen.sum()), int(holds[chosen].sum())
        if not n:
            continue
        ends = interval(count, n)
        table.append(
            {"from": low, "to": high, "n": n, "sign_holds": count / n, "low": ends[0], "high": ends[1],
             "z_mean": float(z[chosen].mean()), "z_sd": float(z[chosen].std(ddof=0))}
        )  # fmt: skip
    return pd.DataFrame(table)


def parameters(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute bias and coverage of 90% intervals of each parameter of the true model, by label; default method.

    Data sets whose fit has another clock are left out, because no model is true there.
    """
    rows = default_rows(rows)
    rows = rows[~is_mistimed(rows)]
    table = []
    for column in rows.columns[rows.columns.str.endswith("_covered")]:
        name = column.removesuffix("_covered")
        for (label, level), part in rows.dropna(subset=[column]).groupby(["label", "level"]):
            count = int(part[column].astype(bool).sum())
            low, high = interval(count, len(part))
            relative = part[f"{name}_mean"] / part[f"{name}_true"] - 1
            table.append(
                {"label": label, "level": level, "parameter": name, "n": len(part), "bias": float(relative.mean()),
                 "bias_se": float(relative.std(ddof=0) / np.sqrt(len(part))), "coverage": count / len(part),
                 "low": low, "high": high}
            )  # fmt: skip
    return pd.DataFrame(table)


def rejudged(
    rows: pd.DataFrame,
    gain: float = GAIN,
    standard_errors: float = STANDARD_ERRORS,
    ruled_out: float = STANDARD_ERRORS,
    unit: str = "increment",
) -> pd.DataFrame:
    """Judge the rows by another rule, from the saved numbers. Challenges stay as they are.

    Parameters
    ----------
    rows : DataFrame
        Rows of a study.
    gain, standard_errors, ruled_out : float
        Thresholds of the verdict, see :func:`tworate.inference.comparison.verdict.rule`.
    unit : {"increment", "trajectory"}
        Which of the two leave-one-outs decides.

    Notes
    -----
    A data set whose numbers the study did not trust stays undecided. Rivals were fitted only after a two-rate verdict:
    a two-rate verdict of another rule counts whatever structures explain.
    """
    end = "" if unit == "increment" else "_trajectory"
    d, dse = rows[f"elpd_diff{end}"], rows[f"dse{end}"]
    trusted = rows["trusted"].astype(bool) if unit == "increment" else (rows["bad_k_trajectory"] == 0)
    verdict = [rule(*pair, gain, standard_errors, ruled_out) for pair in zip(d, dse, strict=True)]
    return rows.assign(verdict=np.where(trusted & d.notna(), verdict, "undecided"))


def summarize(rows: pd.DataFrame) -> dict[str, Any]:
    """Return all of the above as plain data, with the time per comparison."""
    if rows.empty:
        return {"data_sets": 0, "targets": []}
    return {
        "data_sets": int(rows.groupby(["cell", "number"]).ngroups),
        "targets": [asdict(target) for target in targets(rows)],
        "confusion": confusion(rows).to_dict("records"),
        "power": power(rows).to_dict("records"),
        "calibration": calibration(rows).replace({np.inf: None}).to_dict("records"),
        "parameters": parameters(rows).to_dict("records"),
        "seconds": {
            ", ".join(map(str, method)): float(part.median())
            for method, part in rows.groupby(list(METHOD))["cpu_seconds"]
        },
    }
