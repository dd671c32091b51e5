"""The table of parameters: the numbers of the comparison, in LaTeX that no text of a user can break."""

import re

import pandas as pd
import pytest

from tworate import compare
from tworate.analysis.report.parameter_tables import escaped, parameter_table, symbol, to_latex
from tworate.models import RandomRegular, TwoRateSI
from tworate.simulate import Trajectories

ATTACK = r"50% of A_1 & \input{x} $y$ #~^"


@pytest.fixture(scope="module")
def comparison(make_trajectories):
    table = make_trajectories(TwoRateSI(1.2, 0.2, 0.5), RandomRegular(16), seed=2, degree=16, replicates=3, rounds=30)
    return compare(Trajectories(table.assign(event=ATTACK)), by="event", structures="unreachable", seed=1)


def test_numbers_are_those_of_the_comparison(comparison):
    (result,) = comparison.conditions
    table = parameter_table(comparison)
    assert len(table) == sum(len(model.parameters) for model in result.models.values())
    for row in table.to_dict("records"):
        fitted = result.models[row["model"]].parameters.loc[row["parameter"]]
        assert all(row[name] == fitted[name] for name in ("mean", "sd", "hdi_low", "hdi_high", "ess_bulk", "r_hat"))
    assert set(table.loc[table["chosen"], "model"]) == {result.selected}
    assert (table["hdi_prob"] == 0.95).all()


def test_latex_has_as_many_cells_in_every_row_and_no_open_character(comparison):
    table = parameter_table(comparison)
    text = to_latex(table, comparison.by)
    lines = text.splitlines()
    columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1]
    rows = [line for line in lines if line.endswith(r"\\")]
    assert all(len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1 for row in rows)
    shown = table[~table["rival"] | table["chosen"]]
    assert len(rows) == 1 + len(shown)
    assert [line for line in lines if "rule" in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    body = "\n".join(rows)
    assert r"\input" not in body
    # Dollars stand in pairs, and braces are closed.
    assert len(re.findall(r"(?<!\\)\$", body)) % 2 == 0
    plain = re.sub(r"\\[{}]", "", body)
    assert plain.count("{") == plain.count("}")
    assert not re.findall(r"[^\x00-\x7f]", body.replace("–", ""))


def test_a_comparison_without_fits_is_an_empty_table():
    assert r"\bottomrule" in to_latex(pd.DataFrame(), [])


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("β", r"$\beta$"),
        ("β_fast", r"$\beta_{\mathrm{fast}}$"),
        ("β_slow/β_fast", r"$\beta_{\mathrm{slow}}/\beta_{\mathrm{fast}}$"),
        ("mean β", r"mean $\beta$"),
        ("own_name", r"own\_name"),
    ],
)
def test_symbols(text, latex):
    assert symbol(text) == latex


def test_no_character_has_a_meaning_of_its_own():
    assert escaped(ATTACK) == (
        r"50\% of A\_1 \& \textbackslash{}input\{x\} \$y\$ \#\textasciitilde{}\textasciicircum{}"
    )
