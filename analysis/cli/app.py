"""The `tworate` command: its commands and its errors."""

import os
import sys
from typing import Annotated

import typer

from ... import __version__
from ...common.invocation import set_command
from ...common.memory import bound_arenas
from ...errors import InputError, JobError
from . import cache, compare, decide, explain, listings, plan, probe, recover, report, run, simulate, study

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

app = typer.Typer(
    name="tworate",
    help=(
        "When language-model agents share news, does the spread need one transmission rate or two, "
        "and how sure are we?\n\n"
        "Start with:  tworate run --out runs/demo"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tworate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, metavar="", help="Print the version.")
    ] = False,
) -> None:
    pass


app.command("run")(run.run)
app.command("compare")(compare.compare)
app.command("explain")(explain.explain)
app.command("plan")(plan.plan)
app.command("simulate")(simulate.simulate)
app.command("decide")(decide.decide)
app.command("probe")(probe.probe)
app.command("study")(study.study)
app.command("recover")(recover.recover)
app.command("report")(report.report)
app.command("personas")(listings.personas)
app.command("models")(listings.models)
app.add_typer(cache.app, name="cache")


def main() -> None:
    """Run the command line. Bad input prints one line and exits with status 2, a failed job with status 1."""
    from .output import say

    bound_arenas()
    set_command([app.info.name or "tworate", *sys.argv[1:]])
    try:
        app()
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
    except JobError as error:
        say(f"error: {error}")
        sys.exit(1)
    except BrokenPipeError:
        # The reader of stdout has closed it, as in `tworate decide | head`: this is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except SystemExit as stopped:
        # Typer turns Ctrl-C into this status and prints nothing.
        if stopped.code == INTERRUPTED:
            say("interrupted")
        raise
