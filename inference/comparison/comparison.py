"""The comparison that users work with: results, figures and files."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ...errors import InputError
from ...models import SIModel
from .agents import agent_table, class_by_attribute, covariate_effects
from .results import ComparisonResults, ConditionResult
from .storage import read_comparison, save_comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Comparison(ComparisonResults):
    """Which model each condition needs, and how sure that is.

    The fields and tables are those of :class:`tworate.inference.comparison.results.ComparisonResults`.
    """

    def plot_elpd(self, condition: int = 0, ax: "Axes | None" = None) -> "Figure | Axes":
        """Draw how well each model predicts, as its difference from the best; into `ax` if there is one."""
        from . import comparison_plots as plots
        from . import panels

        result = self.conditions[condition]
        return plots.plot_elpd(result) if ax is None else panels.draw_elpd(result, ax)

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

    def plot_rates(self, condition: int = 0, ax: "Axes | None" = None) -> "Figure | Axes":
        """Draw the posteriors of the rates, and of pure numbers such as the weight; into `ax` the rates alone."""
        from . import comparison_plots as plots
        from . import panels

        result, unit = self.conditions[condition], self.trajectories.time_unit or ""
        return plots.plot_rates(result, unit) if ax is None else panels.draw_rates(result, ax, time_unit=unit)

    def plot_pareto_k(self, condition: int = 0, ax: "Axes | None" = None) -> "Figure | Axes":
        """Draw the Pareto k of every unit, whether leave-one-out can be trusted; into `ax` if there is one."""
        from . import comparison_plots as plots
        from . import panels

        result = self.conditions[condition]
        return plots.plot_pareto_k(result) if ax is None else panels.draw_pareto_k(result, ax)

    def plot_pit(self, condition: int = 0) -> "Figure":
        """Draw whether the models describe the data: ranks among one-step predictions, and new sharers in bins.

        Raises
        ------
        InputError
            When that was not asked, as for an undecided verdict.
        """
        from . import comparison_plots as plots

        return plots.plot_pit(self.conditions[condition])

    def plot_steps(self, condition: int = 0, model: str = "", ax: "Axes | None" = None) -> "Figure | Axes":
        """Draw new sharers in each interval over what the models predict one step ahead.

        Parameters
        ----------
        condition : int
            Number of the condition.
        model : str
            Name of the only model to draw; by default all that reports show. One is needed for `ax`.
        ax : matplotlib.axes.Axes, optional
            Where to draw one model.

        Raises
        ------
        InputError
            When the likelihood is of whole curves, which have no steps; or `ax` is given without a model.
        """
        from ..posterior.one_step import has_steps, predict_steps
        from . import comparison_plots as plots
        from . import panels

        result, part = self.part(condition)
        names = _names_of(result, model, ax)
        if not all(has_steps(result.posteriors[name]) for name in names):
            raise InputError(f"likelihood {result.likelihood} is of whole curves, which have no steps to predict")
        steps = {
            name: predict_steps(
                result.posteriors[name], part, seed=self.seed, model=result.models[name].specification.model
            )
            for name in names
        }
        if ax is None:
            return plots.plot_steps(part, steps)
        label = panels.with_unit("time since the start", part)
        return panels.draw_steps(steps[model], panels.colour(model, list(result.models)), label, ax)

    def plot_prediction(self, condition: int = 0, model: str = "", ax: "Axes | None" = None) -> "Figure | Axes":
        """Draw the curves that the models predict for a repetition, over the observed trajectories.

        Arguments are those of :meth:`plot_steps`.
        """
        from ..posterior.posterior_predictive import predict_curves
        from . import comparison_plots as plots
        from . import panels

        result, part = self.part(condition)
        bands = {
            name: predict_curves(
                result.posteriors[name], part, seed=self.seed, model=result.models[name].specification.model
            )
            for name in _names_of(result, model, ax)
        }
        if ax is None:
            return plots.plot_prediction(part, bands)
        return panels.draw_forward(part, bands[model], panels.colour(model, list(result.models)), ax)

    def report(self, path: str | Path, formats: Sequence[str] = ("png",)) -> Path:
        """Write the HTML report, figures, methods text and table of parameters; models of your own are included.

        Parameters
        ----------
        path : path
            A folder; or a file that ends in `.html`, which is then all that is written.
        formats : sequence of str
            Formats of the files of figures: png, svg and pdf.

        Returns
        -------
        Path
            Path of the report.
        """
        # Reports stand above this package, which must not depend on them: they are found when they are asked for.
        above = __package__.rpartition(".inference")[0]
        reports = import_module(f"{above}.analysis.report.comparison_report")
        written: Path = reports.write_report(self, Path(path), formats=formats)
        return written

    def save(self, folder: str | Path) -> None:
        """Write `comparison.json`, `comparison.csv`, `trajectories.parquet` and `posteriors/*.nc` to a folder.

        Where event histories were compared, `agents.parquet` has one row an agent and trajectory.
        """
        save_comparison(self, Path(folder))


def _names_of(result: ConditionResult, model: str, ax: "Axes | None") -> list[str]:
    """Return the models to draw: one, or all that are shown."""
    if model and model not in result.models:
        raise InputError(f"model {model!r} was not fitted; there are: {', '.join(result.models)}")
    if ax is not None and not model:
        raise InputError(f"an axis shows one model; name it, such as model={result.shown[0]!r}")
    return [model] if model else result.shown


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
    return Comparison(
        saved.conditions, saved.trajectories, saved.by, saved.seed, saved.version, saved.made, saved.decisions
    )
