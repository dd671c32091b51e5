"""Covariates of agents: the design, and the likelihood of agents with their own factors."""

import numpy as np
import pandas as pd
import pytest

from tworate.errors import InputError
from tworate.inference.data.covariates import design
from tworate.inference.data.individual import agent_exposure, observe_histories
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.predictor import predictor
from tworate.inference.likelihood.specification import Specification
from tworate.models import TwoRateSI
from tworate.simulate import ContactNetwork, EventHistories, assortativity, make_alike, make_network, spread


@pytest.fixture(scope="module")
def histories():
    network = make_network("barabasi-albert", 200, 6, seed=1)
    members = np.random.default_rng(1).integers(0, 3, 200).astype(np.int32)
    data = spread(
        network, [[0.3], [0.1], [0.05]], members, rounds=20, replicates=3, visibility=0.6, seed=2, histories=True,
        persona_labels=["a", "b", "c"],
    )  # fmt: skip
    return data.histories


def test_levels_are_centred_indicators_and_numbers_are_standardised(histories):
    exposure, _ = agent_exposure(histories, "rounds")
    made = design(histories, exposure.path, exposure.agent, ["persona", "degree"])
    assert made.labels == ("persona: a", "persona: b", "persona: c", "degree")
    # Three levels whose effects add up to 0 have two coordinates.
    assert list(made.covariate) == [0, 0, 1]
    np.testing.assert_allclose(made.basis.T @ made.basis, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(made.basis[:3].sum(axis=0), 0.0, atol=1e-12)
    of_agent = made.matrix[made.group]
    np.testing.assert_allclose(of_agent.mean(axis=0), 0.0, atol=1e-12)
    assert of_agent[:, 3].std() == pytest.approx(1.0)
    persona = histories.attributes_of(0)["persona"].to_numpy()[exposure.agent]
    is_b = persona == "b"
    np.testing.assert_allclose(of_agent[:, 1], is_b - is_b.mean())
    degree = histories.network.degrees_in[exposure.agent]
    # Few distinct degrees are kept as they are.
    assert np.unique(degree).size <= 24
    np.testing.assert_allclose(of_agent[:, 3], (degree - degree.mean()) / degree.std())


def test_grouped_agents_have_the_likelihood_of_single_ones_with_their_factors(histories):
    specification = Specification(
        TwoRateSI, LIKELIHOODS["binomial"], level="individual", covariates=("persona", "degree")
    )
    data = observe_histories(histories, "rounds", covariates=specification.effects)
    effects = np.array([0.5, -0.2, 0.1, 0.3])
    values = {"beta_fast": 2.0, "beta_slow": 0.3, "weight_fast": 0.4}
    formula = predictor(specification)
    arrays = formula.arrays(data)
    factors = specification.covariate_factors(effects, data.design.matrix)
    # The coordinates that are sampled give the same factors: only their part that adds up to 0 counts.
    coordinates = data.design.basis.T @ effects
    zero_sum = data.design.basis @ coordinates
    by_coordinates = arrays["design"].reshape(-1, 3) @ coordinates
    np.testing.assert_allclose(by_coordinates, data.design.matrix @ zero_sum, atol=1e-12)
    scaled = {name: value * (data.window if name != "weight_fast" else 1.0) for name, value in values.items()}
    log_escape = formula.predict(arrays, scaled, factors)
    with np.errstate(divide="ignore"):
        rows = np.where(data.incidence > 0, np.log(-np.expm1(log_escape)), log_escape) * data.n_susceptible
    exposure, _ = agent_exposure(histories, "rounds")
    persona = histories.attributes_of(0)["persona"].to_numpy()[exposure.agent]
    degree = histories.network.degrees_in[exposure.agent]
    shares = [(persona == level).mean() for level in "abc"]
    log_factor = sum(effects[i] * ((persona == level) - shares[i]) for i, level in enumerate("abc"))
    log_factor = log_factor + effects[3] * (degree - degree.mean()) / degree.std()
    model, factor = TwoRateSI(**values), np.exp(log_factor)
    before, end = model.survival(exposure.before * factor), model.survival(exposure.end * factor)
    single = np.where(exposure.shared, np.log(np.maximum(before - end, 1e-300)), np.log(end))
    assert rows.sum() == pytest.approx(single.sum(), rel=1e-10)


def test_trajectories_are_a_covariate_beside_others(histories):
    specification = Specification(
        TwoRateSI, LIKELIHOODS["binomial"], replicate_effects=True, level="individual", covariates=("persona",)
    )
    assert specification.effects == ("persona", "trajectory")
    assert set(specification.scalars) >= {"sd_persona", "sd_trajectory"}
    assert "replicate_sd" not in specification.scalars
    data = observe_histories(histories, "rounds", covariates=specification.effects)
    assert data.design.labels[-3:] == ("trajectory: 0", "trajectory: 1", "trajectory: 2")


def test_levels_and_means_are_those_of_the_fit(histories):
    path, agent = np.zeros(200, dtype=int), np.arange(200)
    fitted = histories.attributes_of(0)["persona"].to_numpy() != "c"
    made = design(histories, path, agent, ["persona"], fitted)
    assert made.labels == ("persona: a", "persona: b")
    of_agent = made.matrix[made.group]
    np.testing.assert_allclose(of_agent[fitted].mean(axis=0), 0.0, atol=1e-12)
    # Agents of a level that the fit has not seen have the effect of no level.
    assert np.all(of_agent[~fitted] < 0)


def test_numbers_with_many_values_are_grouped():
    rng = np.random.default_rng(3)
    network = ContactNetwork.of_network(make_network("random-regular", 300, 4, seed=1))
    agents = pd.DataFrame({"agent": np.arange(300), "age": rng.normal(40, 10, 300)})
    shares = pd.DataFrame({"agent": [0, 5, 9], "time": [0, 1, 2]})
    made = design(EventHistories(shares, network, 5, agents=agents), np.zeros(300, int), np.arange(300), ["age"])
    assert made.matrix.shape == (24, 1)
    assert np.corrcoef(made.matrix[made.group, 0], agents["age"])[0, 1] > 0.97


def test_covariates_that_say_nothing_or_are_missing_are_refused(histories):
    network = ContactNetwork.of_edges(pd.DataFrame({"source": list("abc"), "target": list("bca")}))
    shares = pd.DataFrame({"agent": ["a", "b"], "time": [0, 1]})
    agents = pd.DataFrame({"agent": ["a", "b"], "age": [20, 30], "town": ["x", "x"]})
    data = EventHistories(shares, network, 3, source="shares.csv", agents=agents)
    with pytest.raises(InputError, match=r"shares.csv: 1 of 2 agents have no age"):
        observe_histories(data, "rounds", covariates=["age"])
    whole = EventHistories(shares, network, 3, agents=pd.DataFrame({"agent": list("abc"), "town": "x"}))
    with pytest.raises(InputError, match="all agents have the same town"):
        observe_histories(whole, "rounds", covariates=["town"])


@pytest.mark.parametrize(
    ("agents", "message"),
    [
        ({"name": ["a"]}, "agents: has no column 'agent'; there are: name"),
        ({"agent": ["a", "b", "a"]}, "agents, line 4: agent a comes twice"),
        ({"agent": ["x"]}, "agents: none is in the network"),
    ],
)
def test_bad_tables_of_agents_are_refused(agents, message):
    network = ContactNetwork.of_edges(pd.DataFrame({"source": ["a"], "target": ["b"]}))
    with pytest.raises(InputError, match=message):
        EventHistories(pd.DataFrame({"agent": ["a"], "time": [0]}), network, 3, agents=pd.DataFrame(agents))


def test_alike_neighbours_are_said_unless_the_attribute_is_a_covariate():
    network = make_network("watts-strogatz", 400, 8, seed=1)
    members = make_alike(network, np.arange(400) % 2, 0.4, seed=1)

    def cautions(members, **how):
        data = spread(
            network, [[0.2], [0.1]], members, rounds=15, replicates=2, visibility=1.0, seed=2, histories=True,
            persona_labels=["a", "b"],
        ).histories  # fmt: skip
        return [note for note in observe_histories(data, "rounds", **how).cautions if "assortativity" in note]

    assert cautions(members) == [
        f"neighbours have similar persona (assortativity {assortativity(network, members):.2f}). If persona affects "
        "sharing, the classes of neighbours depend on each other; compare again with the covariate persona"
    ]
    assert not cautions(members, covariates=["persona"])
    assert not cautions(np.random.default_rng(3).permutation(members))


def of_numbers(values, n_exposed=None):
    """Make the design of one number, with all agents of the fit or only the first."""
    n = len(values)
    network = ContactNetwork.of_network(make_network("random-regular", n, 4, seed=1))
    agents = pd.DataFrame({"agent": np.arange(n), "posts": values})
    data = EventHistories(pd.DataFrame({"agent": [0, 5], "time": [0, 1]}), network, 5, agents=agents)
    fitted = None if n_exposed is None else np.arange(n) < n_exposed
    return design(data, np.zeros(n, int), np.arange(n), ["posts"], fitted)


def test_a_number_that_is_mostly_0_keeps_what_it_says():
    made = of_numbers([0.0] * 960 + list(np.arange(40) + 1.0))
    column = made.matrix[made.group, 0]
    assert np.unique(column).size > 20
    assert np.ptp(column[:960]) == 0.0
    # 0 and 1 are nearly equal here.
    assert column[961:].min() > column[0]
    assert column.std() == pytest.approx(1.0)


def test_agents_beyond_the_fit_do_not_change_its_design():
    own = of_numbers([float(i % 24) for i in range(200)])
    among_others = of_numbers([float(i % 24) for i in range(200)] + list(np.linspace(1000, 5000, 200)), 200)
    np.testing.assert_allclose(among_others.matrix[among_others.group[:200]], own.matrix[own.group])
    # Their own numbers are unknown to the fit: they get the nearest; without a number they get the mean.
    assert np.ptp(among_others.matrix[among_others.group[200:]]) == 0.0
    without = of_numbers([float(i % 24) for i in range(200)] + [np.nan] * 200, 200)
    assert np.all(without.matrix[without.group[200:]] == 0.0)
    with pytest.raises(InputError, match="posts must be a finite number"):
        of_numbers([float(i) for i in range(199)] + [np.inf])


@pytest.mark.parametrize("name", ["time", "exposure", "posts/day"])
def test_names_that_results_have_are_no_attributes(name):
    network = ContactNetwork.of_edges(pd.DataFrame({"source": ["a"], "target": ["b"]}))
    agents = pd.DataFrame({"agent": ["a"], name: [1]})
    with pytest.raises(InputError, match=f"the column '{name}' cannot be an attribute"):
        EventHistories(pd.DataFrame({"agent": ["a"], "time": [0]}), network, 3, agents=agents)
