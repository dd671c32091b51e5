"""A fit of the hierarchical model and its results."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import InputError
from ...files import check_writable
from ..loo.loo import Elpd
from ..posterior.arviz_adapter import Posterior, group
from ..posterior.diagnostics import diagnose
from ..posterior.netcdf import write_netcdf
from ..posterior.sampling import SamplerSettings
from .condition_prediction import Prediction, predict
from .draws import sample, without_condition
from .hierarchical_data import SD_BETWEEN, HierarchicalData
from .leave_out import leave_conditions_out

BETWEEN = "between conditions (sd)"
"""Term of the standard deviation between conditions in the table of effects."""


@dataclass(frozen=True)
class HierarchicalFit:
    """A fit of the hierarchical model.

    Parameters
    ----------
    posterior : Posterior
        Group `posterior`: `intercept`, `effect` and `sd_between` on the log scale (rates, per unit of the data's time)
        or the logit scale (weight); the dispersion; and the rates and the weight of each condition. Group
        `sample_stats`. The attributes record how the fit was made.
    summary : pandas.DataFrame
        Mean, sd, interval, bulk ESS and R̂ of all of these; see `tworate.inference.hierarchical.draws.summarize`.
    study : HierarchicalData or None
        What was fitted; None if the fit was read from a file without its data.
    """

    posterior: Posterior
    summary: pd.DataFrame = field(repr=False)
    study: HierarchicalData | None = field(repr=False, default=None)

    @property
    def problems(self) -> list[str]:
        """What is wrong with the sampling (R̂ above 1.01, bulk ESS below 400, divergences); empty when all is well."""
        return diagnose(self.posterior, self.summary)

    @property
    def notes(self) -> list[str]:
        """Terms that are left out, and why."""
        return list(json.loads(self.posterior.attrs["notes"]))

    @property
    def has_terms(self) -> bool:
        """Whether the effects of at least one term could be estimated."""
        return group(self.posterior, "posterior").sizes["term_level"] > 0

    @property
    def effects(self) -> pd.DataFrame:
        """Effects of the terms on each quantity.

        Returns
        -------
        pandas.DataFrame
            One row per quantity and level: `si_model`, `quantity`, `term`, `level`, `mean` and `sd` (on the log or the
            logit scale), `ratio` with `ratio_low` and `ratio_high` (exponentials of the mean and of the ends of the 95%
            highest-density interval: a rate ratio, or the odds ratio of the weight), `ess_bulk`, `r_hat`. The ratio of
            an intercept is the rate itself (or the odds) where all effects are zero. The ratio of `between conditions
            (sd)` is the factor by which conditions with the same terms typically differ.
        """
        draws = group(self.posterior, "posterior")
        rows = []
        for quantity in map(str, draws["quantity"].to_numpy()):
            names = [("intercept", "", f"intercept[{quantity}]")]
            for effect, term, level in zip(
                *(draws[name].to_numpy() for name in ("term_level", "term", "level")), strict=True
            ):
                names.append((str(term), str(level), f"effect[{effect}, {quantity}]"))
            names.append((BETWEEN, "", f"{SD_BETWEEN}[{quantity}]"))
            for term, level, name in names:
                summary_row = self.summary.loc[name]
                ratios = np.exp([summary_row["mean"], summary_row["hdi_low"], summary_row["hdi_high"]])
                rows.append(
                    {
                        "si_model": self.posterior.attrs["model"],
                        "quantity": quantity,
                        "term": term,
                        "level": level,
                        "mean": summary_row["mean"],
                        "sd": summary_row["sd"],
                        **dict(zip(("ratio", "ratio_low", "ratio_high"), ratios, strict=True)),
                        "ess_bulk": summary_row["ess_bulk"],
                        "r_hat": summary_row["r_hat"],
                    }
                )
        return pd.DataFrame(rows)

    def loo(self, *, refit: int = 0, seed: int | None = None) -> Elpd:
        """Leave one condition out at a time: how well do the others predict what was observed under it?

        The quantities of the omitted condition are integrated over their distribution given its terms and the other
        conditions. The draws are weighted by importance sampling (PSIS).

        Parameters
        ----------
        refit : int
            At most this many conditions for which PSIS cannot be trusted are left out by fitting again, the worst
            first.
        seed : int, optional
            Seed; by default that of the fit.

        Returns
        -------
        Elpd
            One unit per condition, in their order.

        Raises
        ------
        InputError
            When the fit was read without its data.
        """
        study, seed = self.needed_study(), self.seed if seed is None else seed

        def refitted(number: int) -> Posterior | None:
            sampled = sample(without_condition(study, number), seed=seed, settings=self.settings)
            return None if sampled.problems else sampled.posterior

        return leave_conditions_out(study, self.posterior, seed=seed, refitted=refitted, most=refit)

    def predict(self, conditions: pd.DataFrame, *, seed: int, **how: Any) -> Prediction:
        """Predict rates and curves under conditions that were not simulated.

        Parameters
        ----------
        conditions : pandas.DataFrame
            One row per condition, with the columns of the terms.
        seed : int
            Seed of the prediction.
        **how
            See :func:`tworate.inference.hierarchical.condition_prediction.predict`.

        Returns
        -------
        Prediction

        Raises
        ------
        InputError
            When a column is missing or a level is unknown.
        """
        return predict(self.posterior, conditions, seed=seed, **how)

    def save(self, path: str | Path) -> None:
        """Write the posterior as netCDF. An interruption leaves no incomplete file."""
        path = Path(path)
        check_writable(path)
        unfinished = path.with_name(path.name + ".unfinished")
        try:
            write_netcdf(self.posterior, unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @property
    def seed(self) -> int:
        """Seed of the fit."""
        return int(np.asarray(self.posterior.attrs["seed"]).item())

    @property
    def settings(self) -> SamplerSettings:
        """Settings of the last sampling."""
        return SamplerSettings(**json.loads(self.posterior.attrs["sampler"]))

    def needed_study(self) -> HierarchicalData:
        """Return what was fitted. Raise an InputError if the fit was read without its data."""
        if self.study is None:
            raise InputError(
                "the fit was read without its data; give conditions and trajectories to load_hierarchical to leave "
                "conditions out"
            )
        return self.study
