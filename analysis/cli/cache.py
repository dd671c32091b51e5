"""`tworate cache`: cached answers of language models."""

from typing import Annotated

import typer

from . import options

app = typer.Typer(help="Show or clear cached answers of language models on this machine.", no_args_is_help=True)


@app.command("info")
def info(cache: options.Cache = None, as_json: options.AsJson = False) -> None:
    """Show the folder of cached answers, their number, and their models.

    Examples
    --------
        tworate cache info
    """
    from .inputs import store
    from .output import emit, emit_json

    answers = store(cache, made=False)
    models = answers.models()
    entries, size = sum(model.entries for model in models), answers.size()
    if as_json:
        emit_json(
            {
                "path": str(answers.path),
                "entries": entries,
                "size_bytes": size,
                "models": [
                    {"name": model.name, "fingerprint": model.fingerprint, "entries": model.entries} for model in models
                ],
            }
        )
        return
    emit(f"{answers.path}: {entries} answers, {size / 1e6:.1f} MB")
    for model in models:
        emit(f"    {model.entries:>9}  {model.name}  ({model.fingerprint})")


@app.command("clear")
def clear(
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Clear only the answers of this model, by name or fingerprint."),
    ] = None,
    cache: options.Cache = None,
    as_json: options.AsJson = False,
) -> None:
    """Delete cached answers.

    Examples
    --------
        tworate cache clear --model openai:my-model
    """
    from ...errors import InputError, JobError
    from .inputs import store
    from .output import emit_json, say

    answers = store(cache, made=False)
    models = answers.models()
    if model is not None and answers.in_use and not any(model in (m.name, m.fingerprint) for m in models):
        names = ", ".join(sorted({m.name for m in models})) or "none"
        raise InputError(f"{answers.path}: has no answers of {model!r}; it has answers of: {names}")
    removed = answers.clear(model)
    if not answers.in_use:
        raise JobError(f"{answers.path}: nothing was deleted")
    if as_json:
        emit_json({"path": str(answers.path), "removed": removed})
    else:
        say(f"removed {removed} answers from {answers.path}")
