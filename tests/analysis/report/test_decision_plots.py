"""Figures of probes: names are drawn literally."""

import numpy as np
import pytest

from tworate.agents import all_personas, inventory_items
from tworate.agents.inventory import InventoryAnswers
from tworate.agents.probe import judge
from tworate.analysis.report.decision_plots import plot_probe


@pytest.mark.parametrize("name", ["./m$x_{b$", r"a $5 \and b $6"])
def test_the_name_of_a_model_is_drawn_literally(name, tmp_path):
    ones = np.ones((32, 20))
    even = np.full((32, 20, 5), 0.2)
    probe = judge(name, InventoryAnswers(tuple(all_personas()), inventory_items(), even, ones, 0 * ones))
    figure = plot_probe(probe)
    figure.savefig(tmp_path / "probe.svg")
    assert figure.get_suptitle() == f"{name} does not express the profile"
