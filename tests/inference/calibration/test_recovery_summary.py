"""Numbers of a recovery study, from rows made by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tworate.errors import InputError
from tworate.inference.calibration import recovery_summary as summary
from tworate.inference.calibration.recovery import Cell, Grid
from tworate.inference.calibration.recovery_grids import GRIDS


def rows(n, **columns):
    table = pd.DataFrame(
        {
            "label": "one rate: complete", "truth": "one-rate", "cell": "c", "number": np.arange(n),
            "verdict": "one-rate",
            "structure": "", "level": "count", "likelihood": "beta-binomial", "closure": "default",
            "prior_scale": 1.0, "covariates": "",
            "elpd_diff": 0.0, "dse": 1.0,
            "elpd_diff_trajectory": 0.0, "dse_trajectory": 1.0, "bad_k_trajectory": 0, "trusted": True,
            "fresh_diff": 0.0, "fresh_dse": 1.0, "cpu_seconds": 1.0, "clock": "rounds", "taken_as": None,
        },
        index=range(n),
    )  # fmt: skip
    return table.assign(**columns)


def verdicts(n, wrong, word="two-rate"):
    return np.where(np.arange(n) < wrong, word, "one-rate")


def judged(table, name):
    return next(target for target in summary.targets(table) if target.name.endswith(name))


@pytest.mark.parametrize(("wrong", "status"), [(0, "met"), (1, "open"), (3, "open"), (4, "missed")])
def test_a_target_is_missed_only_beyond_luck(wrong, status):
    target = judged(rows(40, verdict=verdicts(40, wrong)), "(complete)")
    assert (target.errors, target.n, target.status) == (wrong, 40, status)
    # The same by the binomial distribution.
    assert (stats.binom.sf(wrong - 1, 40, 0.02) < 0.01) == (status == "missed")
    # Clopper-Pearson interval by beta quantiles.
    assert target.high == pytest.approx(stats.beta.ppf(0.975, wrong + 1, 40 - wrong))


def test_few_data_sets_decide_nothing():
    assert judged(rows(5, verdict="two-rate"), "(complete)").status == "too few"


def test_two_rates_are_false_whatever_imitates_them_and_heterogeneous_ones_are_not():
    for label, truth in (("one rate: complete", "one-rate"), ("imitated: varying", "varying")):
        table = rows(40, label=label, truth=truth)
        name = f"({label.split(': ')[1]})"
        assert judged(table.assign(verdict="two-rate"), name).errors == 40
        for word in ("heterogeneous", "undecided", "one-rate"):
            assert judged(table.assign(verdict=word), name).errors == 0


def test_one_rate_is_an_error_only_where_fresh_data_tell():
    near = rows(40, label="shift: x", truth="who")
    assert judged(near, "ratio of 1").errors == 0
    assert judged(near.assign(fresh_diff=4.5), "ratio of 1").errors == 40
    assert judged(near.assign(fresh_diff=4.5, fresh_dse=3.0), "ratio of 1").errors == 0
    assert judged(near.assign(fresh_diff=4.5, verdict="undecided"), "ratio of 1").errors == 0


def test_confusion_power_and_calibration_count():
    table = rows(8, truth="who", label="a", verdict=verdicts(8, 6), truth_ratio=[2.0] * 4 + [8.0] * 4)
    table.loc[table.index[:2], "verdict"] = "heterogeneous"
    counts = summary.confusion(table).set_index("verdict")["count"]
    assert counts.to_dict() == {"one-rate": 2, "undecided": 0, "heterogeneous": 2, "two-rate": 4}
    power = summary.power(table).set_index("ratio")
    assert power["two_rate"].to_dict() == {2.0: 0.5, 8.0: 0.5}
    rng = np.random.default_rng(1)
    drawn = rows(400, elpd_diff=rng.normal(8, 3, 400), fresh_diff=rng.normal(8, 3, 400), dse=3.0, fresh_dse=3.0)
    calibration = summary.calibration(drawn)
    assert calibration["n"].sum() == 400
    # z is standard normal over all data sets. It is not within a bin, because bins are chosen by elpd_diff.
    z = (drawn["elpd_diff"] - drawn["fresh_diff"]) / np.hypot(3, 3)
    assert np.average(calibration["z_mean"], weights=calibration["n"]) == pytest.approx(z.mean())


def test_other_rules_are_tried_on_saved_numbers():
    table = rows(4, elpd_diff=[5.0, 5.0, 3.0, 9.0], dse=[2.0, 3.0, 1.0, 1.0], trusted=[True, True, True, False])
    assert summary.rejudged(table, 4, 2)["verdict"].tolist() == ["two-rate", "undecided", "undecided", "undecided"]
    assert summary.rejudged(table, 2, 1)["verdict"].tolist() == ["two-rate", "two-rate", "two-rate", "undecided"]
    assert summary.rejudged(table, 4, 2, 0)["verdict"].tolist() == ["two-rate", "undecided", "one-rate", "undecided"]
    assert summary.rejudged(table, unit="trajectory")["verdict"].tolist() == ["one-rate"] * 4


def test_grids_hold_no_cell_twice():
    for name, make in GRIDS.items():
        grid = make()
        assert (grid.name, grid.data_sets) == (name, sum(cell.data_sets for cell in grid.cells))
        # The record is plain data, so it can be written.
        assert len({cell["key"] for cell in grid.record(0)["cells"]}) == len(grid.cells)
    cell = Cell("a", "one-rate", {"rate": 0.5})
    with pytest.raises(InputError, match="the cells a and b are the same"):
        Grid("twice", (cell, Cell("b", "one-rate", {"rate": 0.5}, data_sets=3)))


def test_structures_are_judged_at_each_level():
    one = rows(50, label="structures: ageing", truth="ageing", verdict=verdicts(50, 1))
    two = rows(50, label="structures: who-ageing", truth="who-ageing", verdict=verdicts(50, 48, "heterogeneous"))
    both = pd.concat([one, one.assign(level="individual"), two.assign(level="individual"), two])
    judged_rows = {target.name: target for target in summary.targets(both)}
    for level in ("individual", "count"):
        target = judged_rows[f"rates that differ where one rate has a structure ({level})"]
        assert (target.errors, target.n) == (1, 50)
    found = judged_rows["rates found to differ beside a structure (individual)"]
    assert (found.errors, found.n, found.status) == (2, 50, "met")
