"""`tworate compare`: compare models on any trajectories."""

from pathlib import Path
from typing import Annotated

import typer

from . import options


def compare(
    file: options.DataFile,
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMN,…", help="Condition columns; each condition is compared separately.")
    ] = "",
    models: Annotated[
        str, typer.Option("--models", metavar="NAME,…", help="Models to compare; see `tworate models`.")
    ] = "one-rate,two-rate",
    between: Annotated[
        str,
        typer.Option(
            "--between",
            metavar="NAME,NAME",
            help="Models that the verdict is between, in the place of one-rate and two-rate; same as --models.",
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for report, posteriors and numbers.")
    ] = None,
    closure: options.Closure = None,
    likelihood: options.LikelihoodName = None,
    clock: options.ClockName = None,
    network: options.SharesNetwork = None,
    until: options.Until = None,
    agents: Annotated[
        Path | None,
        typer.Option(
            "--agents", metavar="FILE", help="With --network: what is known of the agents; CSV or Parquet with agent."
        ),
    ] = None,
    covariates: Annotated[
        str,
        typer.Option(
            "--covariates",
            metavar="NAME,…",
            help="Attributes of the agents with effects on the rates: degree, persona, any column of --agents.",
        ),
    ] = "",
    time_unit: options.TimeUnit = "hour",
    level: options.LevelName = None,
    contact: Annotated[
        str,
        typer.Option(
            "--contact", metavar="NAME", help="With --network: exposure by edges (sharing neighbours) or by fraction."
        ),
    ] = "edges",
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit",
            metavar="NAME",
            help="Unit of leave-one-out: increment or trajectory; of shares: agent or trajectory.",
        ),
    ] = None,
    replicate_effects: Annotated[
        bool,
        typer.Option(
            "--replicate-effects", metavar="", help="Give each trajectory a random factor on its transmission."
        ),
    ] = False,
    prior_scale: Annotated[
        float,
        typer.Option("--prior-scale", metavar="F", help="Factor on the scales of all priors; 2 doubles their width."),
    ] = 1.0,
    structures: options.Structures = "default",
    period: options.Period = None,
    population: options.Population = None,
    predict_from: Annotated[
        float | None,
        typer.Option("--predict-from", metavar="T", help="Also fit up to time T and score the rest of the curves."),
    ] = None,
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence", metavar="", help="Also estimate log marginal likelihoods (a minute or more per model)."
        ),
    ] = False,
    models_from: options.ModelsFrom = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Compare one rate with two on any trajectories.

    Examples
    --------
        tworate compare trajectories.csv

        tworate compare trajectories.parquet --by event,persona --out runs/comparison

        tworate compare cascades.csv --clock continuous --models one-rate,two-rate,gamma-rate --predict-from 20

        tworate compare trajectories.csv --between one-rate,online-offline

        tworate compare trajectories.csv --models-from mine.py --out runs/mine

        tworate compare cases.csv --population 2000:5000

        tworate compare shares.csv --network follows.csv --until 48 --clock continuous

        tworate compare shares.csv --network follows.csv --agents people.csv --covariates age,degree
    """
    from ...files import check_writable
    from ...inference import compare as compare_trajectories
    from ...inference import comparison_dict
    from .inputs import names, population_of, read_data
    from .output import emit_json, progress_bar
    from .own_models import chosen_models
    from .own_models import models_from as read_models
    from .verdicts import show_comparison

    own = read_models(models_from)
    if out:
        _refuse_other_work(out)
        check_writable(out / "report.html")
    data = read_data(file, network, until=until, time_unit=time_unit, clock=clock, agents=agents, population=population)
    with progress_bar() as bar:
        comparison = compare_trajectories(
            data,
            models=chosen_models(names(between or models), own, exactly=bool(between)),
            by=names(by),
            closure=closure,
            likelihood=likelihood,
            clock=clock,
            unit=unit,
            level=level,
            contact=contact,
            covariates=names(covariates),
            replicate_effects=replicate_effects,
            prior_scale=prior_scale,
            structures=names(structures),
            period=period,
            population=population_of(population),
            predict_from=predict_from,
            evidence=evidence,
            seed=seed,
            progress=bar,
        )
        if out:
            from ..report.comparison_report import write_report

            comparison.save(out)
            write_report(comparison, out, progress=bar)
    if as_json:
        emit_json(comparison_dict(comparison))
    else:
        show_comparison(comparison, out)


def _refuse_other_work(folder: Path) -> None:
    """Refuse a folder with the results of another command, which would be lost."""
    from ...errors import InputError
    from ..pipeline import RUN
    from ..study.store import STUDY

    for content, record in (("the results of `tworate run`", RUN), ("a study", STUDY)):
        if (folder / record).is_file():
            raise InputError(
                f"{folder}: holds {content} ({record}), which a comparison would overwrite; name another folder"
            )
