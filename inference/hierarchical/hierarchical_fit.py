"""A fit of the hierarchical model, and what it says."""

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
        Group `posterior`: `intercept`, `effect` and `sd_between` on the scale of the logarithm (rates, per unit of the
        data's time) or the logit (weight); the dispersion; and the rates and the weight of each condition. Group
        `sample_stats`. The attributes say how it was made.
    summary : pandas.DataFrame
        Mean, sd, interval, bulk ESS and R̂ of all of it; see `tworate.inference.hierarchical.draws.summarize`.
    study : HierarchicalData or None
        What was fitted; None where a fit was read from a file without its data.
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
        """Whether there is a term whose effects could be told."""
        return group(self.posterior, "posterior").sizes["term_level"] > 0

    @property
    def effects(self) -> pd.DataFrame:
        """Effects of the terms on each quantity.

        Returns
        -------
        pandas.DataFrame
            One row a quantity and level: `si_model`, `quantity`, `term`, `level`, `mean` and `sd` (on the scale of the
            logarithm or the logit), `ratio` with `ratio_low` and `ratio_high` (exponentials of the mean and of the ends
            of the 95% highest-density interval: a rate ratio, or the odds ratio of the weight), `ess_bulk`, `r_hat`.
            The ratio of an intercept is the rate itself (or the odds) where all effects are zero; that of
            `between conditions (sd)` the factor by which like conditions typically differ.
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
                found = self.summary.loc[name]
                ratios = np.exp([found["mean"], found["hdi_low"], found["hdi_high"]])
                rows.append(
                    {
                        "si_model": self.posterior.attrs["model"],
                        "quantity": quantity,
                        "term": term,
                        "level": level,
                        "mean": found["mean"],
                        "sd": found["sd"],
                        **dict(zip(("ratio", "ratio_low", "ratio_high"), ratios, strict=True)),
                        "ess_bulk": found["ess_bulk"],
                        "r_hat": found["r_hat"],
                    }
                )
        return pd.DataFrame(rows)

    def loo(self, *, refit: int = 0, seed: int | None = None) -> Elpd:
        """Leave one condition out: how well the others tell what would be observed under it.

        The quantities of the condition that is left out are integrated over what the others and its terms say of them.
        By importance sampling (PSIS) over the draws.

        Parameters
        ----------
        refit : int
            Up to so many conditions for which PSIS cannot be trusted are left out by fitting again, the worst first.
        seed : int, optional
            Seed; by default that of the fit.

        Returns
        -------
        Elpd
            One unit a condition, in their order.

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
        """Rates and curves under conditions that were not simulated.

        Parameters
        ----------
        conditions : pandas.DataFrame
            One row a condition, with the columns of the terms.
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
            When a column or a level is not known.
        """
        return predict(self.posterior, conditions, seed=seed, **how)

    def save(self, path: str | Path) -> None:
        """Write the posterior as netCDF, whole or not at all."""
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
        """How it was sampled at last."""
        return SamplerSettings(**json.loads(self.posterior.attrs["sampler"]))

    def needed_study(self) -> HierarchicalData:
        """Return what was fitted; raises an InputError where the fit was read without its data."""
        if self.study is None:
            raise InputError(
                "the fit was read without its data; give conditions and trajectories to load_hierarchical to leave "
                "conditions out"
            )
        return self.study
