"""The multiverse of a study: does its verdict hold in every specification, and which choice changes the results most?

A specification is one way to ask and to simulate: wording, framing, order, model, event, persona, network, seed. See
Steegen, Tuerlinckx, Gelman & Vanpaemel (2016), doi:10.1177/1745691616658637, and, for the curve, Simonsohn, Simmons &
Nelson (2020), doi:10.1038/s41562-020-0912-z.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.linear_terms import Term, identified, zero_sum_contrasts
from ...files import without_nan
from ...inference.hierarchical.variance_parts import REST


@dataclass(frozen=True)
class Specifications:
    """The multiverse of a study.

    Parameters
    ----------
    table : DataFrame
        From :func:`specification_table`.
    factors : DataFrame
        One row per factor, and :data:`tworate.inference.hierarchical.variance_parts.REST`: `factor`, `pairs` and
        `flipped` (see :func:`flips`), `log_rate` and `elpd_diff` (parts of the variance, see :func:`variance_shares`),
        and `log_rate_low` to `log_rate_high` (95% interval of the part of log β; NaN without the hierarchical model).
    """

    table: pd.DataFrame
    factors: pd.DataFrame

    @property
    def names(self) -> list[str]:
        """The factors."""
        return [name for name in self.factors["factor"] if name in self.table]

    @property
    def is_modelled(self) -> bool:
        """Whether the parts of the variance of log β come from the hierarchical model."""
        return bool(self.factors["log_rate_low"].notna().any())

    @property
    def sentence(self) -> str:
        """In how many specifications the most common verdict holds, and in how many decisions can be trusted."""
        sentence = holding_sentence(self.table)
        if "decisions" in self.table:
            n_trusted = int((self.table["decisions"] == "trustworthy").sum())
            sentence += f" The decisions are trustworthy in {n_trusted} of {len(self.table)}."
        return sentence

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON data."""
        content: dict[str, Any] = without_nan(
            {
                "sentence": self.sentence,
                "specifications": self.table.to_dict("records"),
                "factors": self.factors.to_dict("records"),
            }
        )
        return content


def make_specifications(
    compared: pd.DataFrame, factors: Sequence[str], parts: pd.DataFrame | None = None
) -> Specifications:
    """Return the multiverse of conditions that differ in these factors.

    Parameters
    ----------
    compared, factors
        See :func:`specification_table`.
    parts : DataFrame, optional
        From :func:`tworate.inference.hierarchical.variance_parts.variance_parts`, for the one-rate model. With it the
        parts of the variance of log β come from the hierarchical model, which tells differences between
        specifications from chance within them.
    """
    table = specification_table(compared, factors)
    shares = variance_shares(table, factors).assign(log_rate_low=np.nan, log_rate_high=np.nan)
    if parts is not None:
        names = {"part": "log_rate", "part_low": "log_rate_low", "part_high": "log_rate_high"}
        modelled = parts.rename(columns=names)[["factor", *names.values()]]
        shares = shares.drop(columns=[*names.values()]).merge(modelled, on="factor", how="left")
    shares = shares[["factor", "log_rate", "log_rate_low", "log_rate_high", "elpd_diff"]]
    found = flips(table, factors).merge(shares, on="factor", how="left")
    rest = shares[shares["factor"] == REST].reindex(columns=found.columns)
    return Specifications(table, pd.concat([found, rest], ignore_index=True))


def specification_table(compared: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Return the specifications of a study, sorted by the gain of two rates.

    Parameters
    ----------
    compared : DataFrame
        From :func:`tworate.analysis.report.figure_tables.compared_conditions`.
    factors : sequence of str
        Columns in which the conditions differ.

    Returns
    -------
    DataFrame
        `specification` (from 1), the factors, `verdict`, `elpd_diff`, `dse`, `rate`, `fast`, `slow`, `ratio`, and, if
        the study has it, `decisions`.
    """
    numbers = ["verdict", "elpd_diff", "dse", "rate", "fast", "slow", "ratio"]
    known = [name for name in ("decisions",) if name in compared]
    table = compared[[*factors, *numbers, *known]].sort_values("elpd_diff", kind="stable", ignore_index=True)
    table.insert(0, "specification", np.arange(1, len(table) + 1))
    return table


def holding_sentence(table: pd.DataFrame) -> str:
    """Return in how many specifications the most common verdict holds.

    Examples
    --------
    >>> holding_sentence(pd.DataFrame({"verdict": ["two-rate"] * 11 + ["undecided"]}))
    'The verdict two-rate holds in 11 of 12 specifications; the others are: undecided in 1.'
    """
    counts = table["verdict"].value_counts()
    most, n_holding = str(counts.index[0]), int(counts.iloc[0])
    if n_holding == len(table):
        return f"The verdict {most} holds in all {len(table)} specifications."
    others = ", ".join(f"{verdict} in {number}" for verdict, number in counts.iloc[1:].items())
    return f"The verdict {most} holds in {n_holding} of {len(table)} specifications; the others are: {others}."


def flips(table: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Return how often a change of one factor alone changes the verdict.

    Returns
    -------
    DataFrame
        One row per factor: `factor`, `pairs` (pairs of specifications that differ in it alone), and `flipped` (the
        share of them with different verdicts).
    """
    rows = []
    for factor in factors:
        others = [name for name in factors if name != factor]
        n_pairs = n_flipped = 0
        for _, group in table.groupby(others, sort=False) if others else [((), table)]:
            verdicts = group["verdict"].to_numpy()
            differ = verdicts[:, None] != verdicts[None, :]
            apart = group[factor].to_numpy()[:, None] != group[factor].to_numpy()[None, :]
            n_pairs += int(np.triu(apart, 1).sum())
            n_flipped += int(np.triu(apart & differ, 1).sum())
        rows.append((factor, n_pairs, n_flipped / n_pairs if n_pairs else float("nan")))
    return pd.DataFrame(rows, columns=["factor", "pairs", "flipped"])


def variance_shares(table: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Return the share of the variance between specifications that each factor explains.

    Parameters
    ----------
    table : DataFrame
        From :func:`specification_table`.
    factors : sequence of str
        Its factors.

    Returns
    -------
    DataFrame
        One row per factor, and `the rest` (combinations of factors, and chance): `factor`, `log_rate` and `elpd_diff`,
        the parts of the variance of the logarithm of the rate of one rate, and of the gain of two rates.

    Notes
    -----
    A linear model with the main effects of all factors. The part of a factor is the increase of the residual sum of
    squares when it is left out, over the total; parts of factors that are crossed completely add up, with the rest, to
    1.
    """
    terms, _ = identified([_term(name, table[name]) for name in factors], len(table))
    shares: dict[str, list[float]] = {name: [] for name in (*(term.name for term in terms), REST)}
    for values in (np.log(table["rate"].to_numpy(dtype=float)), table["elpd_diff"].to_numpy(dtype=float)):
        known = np.isfinite(values)
        total = float(np.square(values[known] - values[known].mean()).sum()) if known.any() else 0.0
        rest = _residual(values, terms, known)
        for term in terms:
            without = _residual(values, [other for other in terms if other is not term], known)
            shares[term.name].append((without - rest) / total if total > 0 else float("nan"))
        shares[REST].append(rest / total if total > 0 else float("nan"))
    rows = [(name, *values) for name, values in shares.items()]
    return pd.DataFrame(rows, columns=["factor", "log_rate", "elpd_diff"])


def _term(name: str, values: "pd.Series[Any]") -> Term:
    levels = list(dict.fromkeys(values))
    contrasts = zero_sum_contrasts(len(levels))
    places = [levels.index(value) for value in values]
    return Term(name, tuple(map(str, levels)), contrasts[places], contrasts)


def _residual(values: NDArray[np.float64], terms: Sequence[Term], known: NDArray[np.bool_]) -> float:
    """Return the residual sum of squares of the known values."""
    if not known.any():
        return float("nan")
    design = np.hstack([np.ones((len(values), 1)), *(term.columns for term in terms)])[known]
    fitted = design @ np.linalg.lstsq(design, values[known], rcond=None)[0]
    return float(np.square(values[known] - fitted).sum())
