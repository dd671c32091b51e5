"""`tworate personas` and `tworate models`: what there is."""

from . import options


def personas(as_json: options.AsJson = False) -> None:
    """List the 32 Big Five profiles.

    Examples
    --------
        tworate personas
    """
    from ...agents import TRAITS, all_personas
    from .output import emit, emit_json

    profiles = all_personas()
    if as_json:
        emit_json({"personas": [{"code": p.code, "levels": p.levels, "adjectives": p.adjectives()} for p in profiles]})
        return
    width = max(map(len, TRAITS)) + 2
    emit("code   " + "".join(trait.ljust(width) for trait in TRAITS))
    for persona in profiles:
        levels = persona.levels
        emit(f"{persona.code}  " + "".join(("high" if levels[t] else "low").ljust(width) for t in TRAITS))


def models(as_json: options.AsJson = False) -> None:
    """List the SI models, with their parameters.

    Examples
    --------
        tworate models --json
    """
    from ...models import all_models
    from .output import emit, emit_json

    found = all_models()
    if as_json:
        emit_json(
            {
                "models": [
                    {
                        "name": name,
                        "summary": model.summary,
                        "reference": model.reference,
                        "parameters": {
                            key: {
                                "meaning": spec.meaning,
                                "unit": spec.unit,
                                "support": [str(end) for end in spec.support],
                            }
                            for key, spec in model.parameters().items()
                        },
                    }
                    for name, model in found.items()
                ]
            }
        )
        return
    for name, model in found.items():
        emit(f"{name}: {model.summary}")
        for key, spec in model.parameters().items():
            emit(f"    {key:<12} {spec.meaning}{f' ({spec.unit})' if spec.unit else ''}")
        emit(f"    source: {model.reference}")
