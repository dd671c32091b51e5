"""The `tworate` command: its commands and its errors."""

import sys
from typing import Annotated

import typer

from ... import __version__
from ...common.invocation import set_command
from ...common.memory import bound_arenas
from ...errors import InputError, JobError
from ...files import NOT_WRITTEN, storage_fault
from . import (
    cache,
    compare,
    convert,
    decide,
    explain,
    listings,
    multiverse,
    plan,
    probe,
    recover,
    report,
    run,
    simulate,
    study,
)
from .help import Command

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
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
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


app.command("run", cls=Command)(run.run)
app.command("compare", cls=Command)(compare.compare)
app.command("convert", cls=Command)(convert.convert)
app.command("explain", cls=Command)(explain.explain)
app.command("plan", cls=Command)(plan.plan)
app.command("simulate", cls=Command)(simulate.simulate)
app.command("decide", cls=Command)(decide.decide)
app.command("probe", cls=Command)(probe.probe)
app.command("study", cls=Command)(study.study)
app.command("multiverse", cls=Command)(multiverse.multiverse)
app.command("recover", cls=Command)(recover.recover)
app.command("report", cls=Command)(report.report)
app.command("personas", cls=Command)(listings.personas)
app.command("models", cls=Command)(listings.models)
app.add_typer(cache.app, name="cache")


def main() -> None:
    """Run the command line. Bad input prints one line and exits with status 2, a failed job with status 1."""
    from .output import discard_output, say

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
        # This is not an error.
        discard_output()
        sys.exit(0)
    except OSError as error:
        if (reason := storage_fault(error)) is None:
            raise
        say(f"error: {error.filename or 'a file'}: {NOT_WRITTEN.format(reason)}")
        sys.exit(1)
    except SystemExit as stopped:
        # Typer turns Ctrl-C into this status and prints nothing.
        if stopped.code == INTERRUPTED:
            say("interrupted")
        raise
