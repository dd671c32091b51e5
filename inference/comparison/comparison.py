"""The comparison that users work with: results, figures and files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ...errors import InputError
from ...models import SIModel
from .agents import agent_table, class_by_attribute, covariate_effects
from .results import ComparisonResults
from .storage import read_comparison, save_comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Comparison(ComparisonResults):
    """Which model each condition needs, and how sure that is.

    The fields and tables are those of :class:`tworate.inference.comparison.results.ComparisonResults`.
    """

    def plot_elpd(self, condition: int = 0) -> "Figure":
        """Draw how well each model predicts, as its difference from the best."""
        from . import comparison_plots as plots

        return plots.plot_elpd(self.conditions[condition])

    def plot_pointwise_elpd(self, condition: int = 0) -> "Figure":
        """Draw the pointwise difference in elpd over time or exposure, and its sum so far."""
        from . import comparison_plots as plots

        by_agent = self.conditions[condition].level == "individual"
        return plots.plot_pointwise_elpd(self.conditions[condition], self.agent_table(condition) if by_agent else None)

    def agent_table(self, condition: int = 0) -> pd.DataFrame:
        """Return one row an agent and trajectory; see :func:`tworate.inference.comparison.agents.agent_table`.

        Raises
        ------
        InputError
            When the condition was not compared by event histories.
        """
        result, part = self.part(condition)
        if result.level != "individual" or not result.models:
            raise InputError("single agents are known only where a comparison used event histories (level individual)")
        return agent_table(result, part)

    def covariate_effects(self, condition: int = 0) -> pd.DataFrame:
        """Return effects of covariates; see :func:`tworate.inference.comparison.agents.covariate_effects`."""
        return covariate_effects(self.conditions[condition])

    def plot_classes(self, condition: int = 0) -> "Figure":
        """Draw to which class each agent probably belongs, and how that goes with what is known of the agents."""
        from . import comparison_plots as plots

        agents = self.agent_table(condition)
        if "p_fast" not in agents:
            raise InputError("classes are those of the two-rate model, which was not fitted")
        return plots.plot_classes(agents, class_by_attribute(agents))

    def plot_rates(self, condition: int = 0) -> "Figure":
        """Draw the posteriors of the rates."""
        from . import comparison_plots as plots

        return plots.plot_rates(self.conditions[condition])

    def plot_pareto_k(self, condition: int = 0) -> "Figure":
        """Draw the Pareto k of every unit: whether leave-one-out can be trusted."""
        from . import comparison_plots as plots

        return plots.plot_pareto_k(self.conditions[condition])

    def plot_pit(self, condition: int = 0) -> "Figure":
        """Draw whether the models describe the data: ranks among one-step predictions, and new sharers in bins.

        Raises
        ------
        InputError
            When that was not asked, as for an undecided verdict.
        """
        from . import comparison_plots as plots

        return plots.plot_pit(self.conditions[condition])

    def plot_prediction(self, condition: int = 0) -> "Figure":
        """Draw the curves that each model predicts for a repetition, over the observed trajectories."""
        from ..posterior.posterior_predictive import predict_curves
        from . import comparison_plots as plots

        result, part = self.part(condition)
        bands = {
            name: predict_curves(posterior, part, seed=self.seed, model=result.models[name].specification.model)
            for name, posterior in result.posteriors.items()
            if name in result.shown
        }
        return plots.plot_prediction(part, bands)

    def save(self, folder: str | Path) -> None:
        """Write `comparison.json`, `comparison.csv`, `trajectories.parquet` and `posteriors/*.nc` to a folder.

        Where event histories were compared, `agents.parquet` has one row an agent and trajectory.
        """
        save_comparison(self, Path(folder))


def load_comparison(folder: str | Path, models: Sequence[type[SIModel]] = ()) -> Comparison:
    """Read a comparison that was saved with :meth:`Comparison.save`.

    Parameters
    ----------
    folder : path
        Folder of the comparison.
    models : sequence of type of SIModel
        Classes of models that are not part of tworate.

    Raises
    ------
    InputError
        When the folder holds no comparison, or one of its files is missing or damaged.
    """
    saved = read_comparison(Path(folder), models)
    return Comparison(saved.conditions, saved.trajectories, saved.by, saved.seed, saved.version)
