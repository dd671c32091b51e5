"""Functions that all reports share: fill templates, and save and embed figures."""

import io
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...common.figure_style import DPI, INK
from ...errors import InputError
from ...files import atomic_path
from ...inference.comparison.panels import MANY_POINTS, NAMED, SOFT
from .numbers import estimate, fixed, p_value, rounded

FORMATS = ("png", "svg", "pdf")
"""Formats of figures."""
_MAX_POINTS = 400
"""Points of a curve that show their values."""
_VARIABLES = {INK.lower(): "var(--ink)", "#000000": "var(--ink)", SOFT.lower(): "var(--soft)", "#e6e6e6": "var(--grid)"}
_COLOUR = re.compile(r"(?<=[:\"' ])#[0-9a-f]{6}\b")
_DARK_PAPER = (22, 24, 29)
"""Background in dark mode, as in the style sheet."""
_CONTRAST = 3.2
"""Contrast of a colour with the dark background; 3 is asked of parts of figures."""


def checked_formats(text: str) -> tuple[str, ...]:
    """Return the formats in a list with commas, without repetition.

    Raises
    ------
    InputError
        When one is unknown, or there is none.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise InputError(f"--format {text}: must be formats of figures: {', '.join(FORMATS)}")
    return names


def render(template: str, **content: Any) -> str:
    """Fill a template of this package; all text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(str(files(__package__).joinpath("templates")))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(rounded=rounded, fixed=fixed, estimate=estimate, p_value=p_value)
    return environment.get_template(template).render(**content)


def save_as(figure: Figure, path: Path, formats: Sequence[str]) -> None:
    """Save a figure to `path` with the suffix of each format in its place.

    The same figure gives the same files: they hold no date and no random name.
    """
    for name in formats:
        # PDF has a date of its own.
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(name)
        with (
            mpl.rc_context({"svg.hashsalt": path.stem, "pdf.fonttype": 42, "svg.fonttype": "path"}),
            atomic_path(path.with_suffix(f".{name}")) as temporary,
        ):
            figure.savefig(temporary, format=name, metadata=metadata, dpi=DPI)


def embedded(figure: Figure, path: Path | None, formats: Sequence[str] = ("png",), *, name: str = "") -> dict[str, Any]:
    """Save a figure, and return what a report needs: its drawing, its width, and the points that have names.

    Parameters
    ----------
    figure : Figure
        The figure.
    path : Path, optional
        Where it is saved; its suffix is replaced by those of the formats. None saves nothing.
    formats : sequence of str
        Of :data:`FORMATS`.
    name : str
        Name of the drawing, which no other one of the page has; by default that of the file.

    Returns
    -------
    dict
        `svg` (to be put into the page), `width` in CSS pixels, `points` (see :func:`named_points`).
    """
    figure.set_dpi(72)
    figure.draw_without_rendering()
    # The layout is found once: each format would find it anew from the one before, and move it a little.
    figure.set_layout_engine("none")
    points = named_points(figure)
    for ax in figure.axes:
        for artist in ax.get_children():
            artist.set_gid(None)
    name = f"f{name or (path.stem if path is not None else 'igure')}"
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True, dpi=150)
    if path is not None:
        save_as(figure, path, formats)
    # Figures stand larger on a screen than in print: 8 points become 13 pixels.
    return {
        "svg": Markup(_for_page(buffer.getvalue(), name)),
        "width": round(figure.get_figwidth() * 96 * 1.25),
        "points": points,
    }


def named_points(figure: Figure) -> list[dict[str, Any]]:
    """Return the points of curves and clouds that have names, where they are drawn and what they say.

    Returns
    -------
    list of dict
        One for each curve: its `name`, what its axes show (`x`, `y`), and `points`: place from the left and from the
        top in points of print, and the two values in words.
    """
    found = []
    height = figure.get_figheight() * 72
    for ax in figure.axes:
        artists: list[Any] = [*ax.lines, *(each for each in ax.collections if isinstance(each, PathCollection))]
        for artist in artists:
            gid = artist.get_gid() or ""
            if not gid.startswith(NAMED):
                continue
            found_values = artist.get_xydata() if isinstance(artist, Line2D) else artist.get_offsets()
            values = np.asarray(found_values, dtype=float)
            if not 0 < len(values) <= 2 * MANY_POINTS:
                continue
            values = values[np.isfinite(values).all(axis=1)]
            values = values[np.unique(np.linspace(0, len(values) - 1, min(len(values), _MAX_POINTS)).astype(int))]
            places = ax.transData.transform(values)
            inside = ax.bbox.padded(2).contains
            points = [
                [round(float(x), 1), round(height - float(y), 1), rounded(a), rounded(b)]
                for (x, y), (a, b) in zip(places, values, strict=True)
                if inside(x, y)
            ]
            names = [_words(label) for label in (ax.get_xlabel(), ax.get_ylabel())]
            # Panels in a row share the labels of the outer ones.
            names = [name or _shared(ax, axis) for name, axis in zip(names, "xy", strict=True)]
            found.append({"name": gid.removeprefix(NAMED), "x": names[0], "y": names[1], "points": points})
    return [curve for curve in found if curve["points"]]


def _shared(ax: Any, axis: str) -> str:
    siblings = (ax.get_shared_x_axes() if axis == "x" else ax.get_shared_y_axes()).get_siblings(ax)
    labels = [_words(getattr(sibling, f"get_{axis}label")()) for sibling in siblings]
    return next((label for label in labels if label), axis)


def _words(label: str) -> str:
    """Return a label without what stands in brackets at its end, and without formulas."""
    return re.sub(r"\s*\([^)]*:[^)]*\)$", "", label).replace(r"\$", "$")


def _for_page(svg: str, name: str) -> str:
    """Return a drawing for the inside of a page: names of its own, and colours that follow the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    # Several drawings stand in one page: an id must be unique in it.
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-")

    def variable(match: re.Match[str]) -> str:
        shade = match[0].lower()
        return _VARIABLES.get(shade, f"var(--c{shade[1:]},{shade})")

    return _COLOUR.sub(variable, svg)


def dark_colours(drawings: Sequence[str]) -> dict[str, str]:
    """Return lighter shades, for a dark page, of the colours that drawings use as variables."""
    used = sorted({shade for drawing in drawings for shade in re.findall(r"var\(--c([0-9a-f]{6}),", drawing)})
    return {shade: _lighter(shade) for shade in used}


def _lighter(shade: str) -> str:
    colour = tuple(int(shade[place : place + 2], 16) for place in (0, 2, 4))
    for step in range(11):
        mixed = tuple(round(part + (255 - part) * step / 10) for part in colour)
        if (_luminance(mixed) + 0.05) / (_luminance(_DARK_PAPER) + 0.05) >= _CONTRAST:
            break
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _luminance(colour: Sequence[int]) -> float:
    """Return the relative luminance of WCAG 2."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
