"""Functions that all reports share: fill templates, and embed figures."""

import base64
import io
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from ...files import atomic_path

_DPI = 160


def render(template: str, **content: Any) -> str:
    """Fill a template of this package; all text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(str(files(__package__).joinpath("templates")))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**content)


def embedded(figure: Figure, path: Path) -> dict[str, Any]:
    """Save a figure as PNG, and return its data URI and its width in CSS pixels.

    All figures have the same scale, so their text has the same size.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return {
        "uri": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "width": round(figure.get_figwidth() * 96),
    }
