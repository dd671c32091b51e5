"""The table of parameters for papers: CSV, and LaTeX with booktabs."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ...inference import Comparison
from ...inference.posterior.diagnostics import INTERVAL
from .numbers import estimate, fixed

CSV, LATEX = "parameters.csv", "parameters.tex"

_LETTERS = {
    "β": r"\beta", "δ": r"\delta", "ρ": r"\rho", "φ": r"\phi", "σ": r"\sigma", "τ": r"\tau", "α": r"\alpha",
    "γ": r"\gamma", "Λ": r"\Lambda", "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "θ": r"\theta", "η": r"\eta",
    "ω": r"\omega",
}  # fmt: skip
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "−": r"$-$", "–": "--",
}  # fmt: skip
_SYMBOL = re.compile(r"([^\W\d_])(?:_(\w+))?(?:/([^\W\d_])_(\w+))?")


def parameter_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row for each condition, model and parameter.

    Returns
    -------
    pandas.DataFrame
        The columns of the conditions; `model`, `rival`, `chosen` (whether it is the model of the verdict); `parameter`,
        `symbol`, `meaning`, `unit`; `mean`, `sd`, `hdi_low`, `hdi_high` (ends of the highest-density interval) and its
        probability `hdi_prob`; `ess_bulk`, `r_hat`.
    """
    rows: list[dict[str, Any]] = []
    for result in comparison.conditions:
        for name, model in result.models.items():
            for parameter, row in model.parameters.iterrows():
                spec = model.specification.described[str(parameter)]
                rows.append(
                    {
                        **result.condition,
                        "model": name,
                        "rival": model.rival,
                        "chosen": name == result.selected,
                        "parameter": parameter,
                        "symbol": spec.symbol or parameter,
                        "meaning": spec.meaning,
                        "unit": spec.unit,
                        **{key: row[key] for key in ("mean", "sd", "hdi_low", "hdi_high")},
                        "hdi_prob": INTERVAL,
                        "ess_bulk": row["ess_bulk"],
                        "r_hat": row["r_hat"],
                    }
                )
    return pd.DataFrame(rows)


def to_latex(table: pd.DataFrame, by: list[str]) -> str:
    """Return a table of :func:`parameter_table` in LaTeX; it needs the package booktabs.

    Rivals are left out, but for the model of the verdict.

    Parameters
    ----------
    table : DataFrame
        The table.
    by : list of str
        Columns of the conditions.
    """
    heads = [*map(escaped, by), "Model", "Parameter", "Meaning", "Mean", rf"{INTERVAL * 100:.0f}\% HDI", r"$\hat{R}$"]
    lines = [
        "% Needs \\usepackage{booktabs}. HDI: highest-density interval.",
        rf"\begin{{tabular}}{{{'l' * (len(by) + 3)}rcr}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
    ]
    before: tuple[Any, ...] = ()
    shown = table[~table["rival"].astype(bool) | table["chosen"].astype(bool)] if len(table) else table
    for row in shown.to_dict("records"):
        group = tuple(row[name] for name in (*by, "model"))
        if before and group != before:
            lines.append(r"\addlinespace")
        # A name stands once above its rows.
        first = [escaped(value) if group != before else "" for value in group]
        before = group
        lines.append(" & ".join([*first, *_cells(row)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _cells(row: Mapping[Any, Any]) -> list[str]:
    mean, low, high = (escaped(text) for text in estimate(row["mean"], row["hdi_low"], row["hdi_high"]))
    return [symbol(str(row["symbol"])), escaped(row["meaning"]), mean, f"{low} to {high}", fixed(row["r_hat"], 3)]


def escaped(text: object) -> str:
    r"""Return a text for LaTeX, in which no character has a meaning of its own.

    Examples
    --------
    >>> print(escaped("50% of A_1 & {x}"))
    50\% of A\_1 \& \{x\}
    """
    return "".join(_SPECIAL.get(letter, letter) for letter in str(text))


def symbol(text: str) -> str:
    r"""Return a symbol such as `β_fast` as LaTeX: `$\beta_{\mathrm{fast}}$`; a text that is none is escaped."""

    def part(letter: str, subscript: str | None) -> str:
        written = _LETTERS.get(letter, letter)
        return rf"{written}_{{\mathrm{{{escaped(subscript)}}}}}" if subscript else written

    if match := _SYMBOL.fullmatch(text):
        first, second = part(match[1], match[2]), part(match[3], match[4]) if match[3] else ""
        return f"${first}/{second}$" if second else f"${first}$"
    # Greek letters inside words, such as "mean β".
    return "".join(f"${_LETTERS[letter]}$" if letter in _LETTERS else escaped(letter) for letter in text)
