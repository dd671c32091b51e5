"""`tworate cache`: answers of language models that are kept on this machine."""

from typing import Annotated

import typer

from . import options

app = typer.Typer(
    help="Show or clear the answers of language models that are kept on this machine.", no_args_is_help=True
)


@app.command("info")
def info(cache: options.Cache = None, as_json: options.AsJson = False) -> None:
    """Say where answers are kept, how many, and of which models.

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
        typer.Option("--model", metavar="MODEL", help="Only of this one, by name or fingerprint."),
    ] = None,
    cache: options.Cache = None,
    as_json: options.AsJson = False,
) -> None:
    """Forget kept answers.

    Examples
    --------
        tworate cache clear --model openai:my-model
    """
    from ...errors import InputError, JobError
    from .inputs import store
    from .output import emit_json, say

    answers = store(cache, made=False)
    known = answers.models()
    if model is not None and answers.in_use and not any(model in (m.name, m.fingerprint) for m in known):
        there_are = ", ".join(sorted({m.name for m in known})) or "none"
        raise InputError(f"{answers.path}: keeps no answers of {model!r}; there are those of: {there_are}")
    removed = answers.clear(model)
    if not answers.in_use:
        raise JobError(f"{answers.path}: nothing was cleared")
    if as_json:
        emit_json({"path": str(answers.path), "removed": removed})
    else:
        say(f"removed {removed} answers from {answers.path}")
