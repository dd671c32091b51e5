"""Who or when, inferred from spreading on networks with a known truth (who, when, both, neither); and the command."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from tworate.analysis.cli import main
from tworate.analysis.explaining import open_results
from tworate.errors import InputError
from tworate.inference.mechanisms.decomposition import Exposure, decompose
from tworate.inference.mechanisms.mechanism_plots import plot_explanation
from tworate.inference.mechanisms.mechanisms import explain
from tworate.simulate import CounterMessage, Trajectories, random_regular, read_trajectories, spread

pytestmark = pytest.mark.integration

PERSONAS = ("a", "b", "c", "d")
PER_PERSONA, PER_SIGHTING = np.array([0.4, 0.2, 0.1, 0.05]), np.array([0.35, 0.15, 0.08])
TRUTHS = {
    "neither": np.full((4, 3), 0.15),
    "who": np.repeat(PER_PERSONA[:, None], 3, axis=1),
    "when": np.repeat(PER_SIGHTING[None], 4, axis=0),
    "both": np.outer(PER_PERSONA, [1.2, 0.8, 0.4]),
    # Later sightings persuade more.
    "reinforced": np.repeat(PER_SIGHTING[None, ::-1], 4, axis=0),
}


def command(arguments, monkeypatch, capsys):
    """Return exit status and output of the command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["tworate", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    return left.value.code or 0, printed.out, printed.err


def simulated(table, seed, **settings):
    network = random_regular(600, 8, seed=seed)
    members = np.random.default_rng(seed).permutation(600) % len(table)
    return spread(
        network, table, members, rounds=30, replicates=5, seed=seed, persona_labels=PERSONAS[: len(table)], **settings
    )


@pytest.fixture(scope="module")
def explanations():
    return {name: explain(simulated(table, 10 + k), seed=k)[0] for k, (name, table) in enumerate(TRUTHS.items())}


@pytest.mark.parametrize("truth", TRUTHS)
def test_account_is_the_truth_and_the_split_holds_its_numbers(explanations, truth):
    result = explanations[truth]
    assert result.account == {"reinforced": "when"}.get(truth, truth), result.reasons
    assert result.direction == {"neither": "stays", "reinforced": "rises"}.get(truth, "falls")
    assert result.cautions == []
    exact = decompose(TRUTHS[truth][None], np.full(4, 0.25), Exposure(result.sightings, result.visibility))
    for part in ("fall", "who", "when"):
        row, value = result.decomposition.loc[part], getattr(exact, part)[0]
        # There are fifteen parts, so an error of four standard deviations is implausible. The part of who is never
        # below zero, so its estimate is a little above zero where it is absent.
        assert abs(row["mean"] - value) < 4 * row["sd"]
    assert result.decomposition.loc["who", "mean"] + result.decomposition.loc["when", "mean"] == pytest.approx(
        result.decomposition.loc["fall", "mean"]
    )


def test_sentence_says_who_when_and_which_way(explanations):
    assert explanations["neither"].sentence.startswith("Nothing to explain")
    assert "falls by a factor of" in explanations["both"].sentence
    assert "% who," in explanations["both"].sentence
    assert "rises by a factor of" in explanations["reinforced"].sentence
    # Here repetition raises the hazard, so the part of when is negative.
    assert explanations["reinforced"].decomposition.loc["when", "hdi_high"] < 0


def test_table_is_that_of_the_truth(explanations):
    table = explanations["both"].table
    assert table["share"].iloc[::3].sum() == pytest.approx(1.0)
    truth = pd.Series(TRUTHS["both"].ravel())
    inside = truth.between(table["low"], table["high"])
    # Of 12 intervals of 95%, fewer than 9 would hold the truth with probability 0.0002.
    assert inside.sum() >= 9


def test_cells_and_trajectories_say_the_same_and_trajectories_less_surely(explanations):
    data = simulated(TRUTHS["both"], 13)
    by_cell = explanations["both"]
    by_path = explain(data, seed=3, unit="trajectory", max_refits=10)[0]
    assert by_path.account == "both"
    for simpler in ("neither", "who", "when"):
        gains = [fits["both"].elpd.elpd_loo - fits[simpler].elpd.elpd_loo for fits in (by_cell.fits, by_path.fits)]
        # A trajectory is a fifth of the data: leaving out so much at a time costs the richer model some precision.
        assert gains[0] == pytest.approx(gains[1], rel=0.15)


def test_same_seed_same_numbers_alone_and_among_others():
    parts = [simulated(TRUTHS[name], k, conditions={"event": name}) for k, name in enumerate(("who", "when"))]
    data = Trajectories(pd.concat([p.table for p in parts]), counts=pd.concat([p.counts for p in parts]))
    both = explain(data, by="event", seed=5, max_refits=0)
    assert [explanation.condition for explanation in both] == [{"event": "who"}, {"event": "when"}]
    (alone,) = explain(data, by="event", seed=5, max_refits=0, only=lambda condition: condition["event"] == "when")
    pd.testing.assert_frame_equal(both[1].decomposition, alone.decomposition)
    pooled = explain(data, seed=5, max_refits=0)[0]
    # Probabilities that differ between trajectories are noticed, with or without a column that shows it.
    assert any("event (2 values)" in text for text in pooled.cautions)
    assert any("times as much as binomial" in text for text in pooled.cautions)


def test_an_account_that_is_far_off_is_refused_however_much_there_is_to_refuse_it_by():
    # Twelve trajectories of two cells: the model with one probability fits none of them, so PSIS fails for each.
    network, members = random_regular(600, 8, seed=1), np.random.default_rng(1).permutation(600) % 2
    data = spread(network, [[0.4], [0.1]], members, rounds=30, replicates=12, seed=1)
    result = explain(data, seed=1)[0]
    assert result.fits["neither"].elpd.high_k_units.size > 10
    assert result.account == "who"
    assert "an upper bound of the elpd was used there" in result.reasons[-1]
    for fit in result.fits.values():
        assert np.all(fit.bound >= fit.elpd.pointwise)


def test_with_one_persona_or_one_sighting_only_the_other_can_be():
    one = explain(simulated([[0.4, 0.1]], 1), seed=1)[0]
    assert list(one.fits) == ["neither", "when"]
    assert one.account == "when"
    assert tuple(one.decomposition.loc["who", ["mean", "hdi_low", "hdi_high"]]) == (0.0, 0.0, 0.0)
    flat = explain(simulated([[0.4], [0.1]], 1), seed=1)[0]
    assert flat.account == "who"
    assert "with one persona it can only be when" in one.sentence
    assert "with one sighting it can only be who" in flat.sentence
    assert flat.decomposition.loc["when", "factor"] == 1.0
    json.dumps(flat.to_json(), allow_nan=False)


def test_what_the_accounts_do_not_provide_for_is_told():
    message = simulated([[0.3, 0.1]], 2, interventions=[CounterMessage(0.3, 10)])
    assert any("counter-message" in text for text in explain(message, seed=1, max_refits=0)[0].cautions)


def test_figure_has_labelled_axes(explanations):
    figure = plot_explanation(explanations["both"])
    assert all(axis.get_xlabel() for axis in figure.axes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder as a comparison of two events leaves it, without posteriors and report, which are not read."""
    folder = tmp_path_factory.mktemp("compared")
    parts = [simulated(TRUTHS[name], k, conditions={"event": name}) for k, name in enumerate(("both", "neither"))]
    data = Trajectories(pd.concat([p.table for p in parts]), counts=pd.concat([p.counts for p in parts]))
    data.save(folder / "trajectories.parquet")
    verdicts = [
        {"condition": {"event": name}, "verdict": verdict}
        for name, verdict in (("both", "two-rate"), ("neither", "one-rate"))
    ]
    (folder / "comparison.json").write_text(json.dumps({"by": ["event"], "conditions": verdicts}))
    return folder


def test_command_explains_two_rate_verdicts_and_leaves_files(folder, tmp_path, monkeypatch, capsys):
    status, out, err = command(["explain", folder, "--out", tmp_path], monkeypatch, capsys)
    assert status == 0, err
    assert out.startswith("event = both: Both: personas differ, and sightings too.")
    assert "event = neither" not in out
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {"explanation.json", "explanation.csv", "figures/explanation.png", "figures/explanation.csv"}
    saved = json.loads((tmp_path / "explanation.json").read_text(encoding="utf-8"))
    (condition,) = saved["conditions"]
    table = pd.read_csv(tmp_path / "explanation.csv")
    assert table["who_factor"].item() == pytest.approx(condition["split"]["who"]["factor"])
    assert condition["accounts"]["both"]["elpd_loo"] == pytest.approx(table["elpd_both"].item())
    assert len(condition["table"]) == 12


def test_what_is_asked_about_follows_from_the_folder(folder, tmp_path):
    selection = open_results(folder)
    assert (selection.by, selection.n_wanted) == (["event"], 1)
    assert selection.wants({"event": "both"})
    assert not selection.wants({"event": "neither"})
    everything = open_results(folder, everything=True)
    assert everything.n_wanted is None
    assert everything.wants({"event": "neither"})
    alone = open_results(folder / "trajectories.parquet", ["event"])
    assert (alone.by, alone.n_wanted) == (["event"], None)
    # A study has rows of SI models and closures. One two-rate verdict among them is enough.
    data = read_trajectories(folder / "trajectories.parquet")
    numbered = [
        frame.assign(condition=(frame["event"] == "neither").astype(int)) for frame in (data.table, data.counts)
    ]
    Trajectories(numbered[0], counts=numbered[1]).save(tmp_path / "trajectories.parquet")
    pd.DataFrame(
        {"condition": [0, 0, 0, 1], "closure": ["a", "a", "b", "a"], "si_model": "one-rate",
         "verdict": ["one-rate", "one-rate", "two-rate", "one-rate"]}
    ).to_parquet(tmp_path / "comparison.parquet")  # fmt: skip
    study = open_results(tmp_path)
    assert study.by == ["condition"]
    assert [study.wants({"condition": number}) for number in (0, 1)] == [True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f / "nothing", "there is no such file"),
        (lambda f: f / "trajectories.counts.parquet", "holds the counts alone; give .* trajectories.parquet"),
        (lambda f: f.parent, "holds no trajectories.parquet"),
    ],
)
def test_what_cannot_be_opened_is_refused(folder, change, message):
    with pytest.raises(InputError, match=message):
        open_results(change(folder))


def test_conditions_that_were_not_compared_are_refused(folder):
    with pytest.raises(InputError, match="was compared by event, so there are no verdicts by network"):
        open_results(folder, ["network"])


def test_missing_counts_are_one_line_and_status_2(folder, tmp_path, monkeypatch, capsys):
    bare = tmp_path / "bare.csv"
    read_trajectories(folder / "trajectories.parquet").table.to_csv(bare, index=False)
    status, out, err = command(["explain", bare, "--json"], monkeypatch, capsys)
    assert (status, out) == (2, "")
    assert err.startswith("error:")
    assert len(err.strip().splitlines()) == 1
    assert "bare.counts.csv is not beside it" in err


CUED = np.broadcast_to(np.array([0.05, 0.12, 0.25, 0.45]), (4, 3, 4))
WHO_CUED = np.clip(CUED * np.array([0.4, 0.8, 1.2, 1.6])[:, None, None], 0, 1)


@pytest.mark.parametrize(
    ("table", "account"),
    [
        (CUED, "cue"),
        (np.repeat(TRUTHS["who"][:, :, None], 4, axis=2), "who"),
        (np.repeat(TRUTHS["when"][:, :, None], 4, axis=2), "when"),
        (WHO_CUED, "who and cue"),
    ],
)
def test_a_cue_is_told_from_who_and_when(table, account):
    result = explain(simulated(table, 31), seed=4)[0]
    assert result.account == account, result.reasons
    assert result.sentence.startswith(account.capitalize())
    cues = list(dict.fromkeys(result.table["cue"]))
    assert cues == ["1", "2", "3-4", "5+"][: len(cues)]
    parts = result.decomposition["mean"]
    assert parts["who"] + parts["when"] + parts["cue"] == pytest.approx(parts["fall"])
    # More sharers persuade more, and are seen later: the cue works against the fall, where there is one.
    assert (result.decomposition.loc["cue", "hdi_high"] < 0) == ("cue" in account)
    truth = pd.Series(table[:, :, : len(cues)].ravel())
    seen = (result.table["decisions"] > 0).to_numpy()
    inside = truth.between(result.table["low"], result.table["high"])[seen]
    # The intervals are not independent: in the account of fewer effects one error is in many cells.
    assert inside.mean() > 0.7
    figure = plot_explanation(result)
    assert "by cue" in [text.get_text() for text in figure.axes[1].get_yticklabels()]
