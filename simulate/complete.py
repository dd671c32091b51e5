"""The spreading process on the complete network: agents in one state are alike, so only their numbers are stored."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..common.compiled import njit
from .kernels import Counts, Decisions, Schedule, no_counts
from .streams import open_stream, uniform


def complete_in_rounds(
    susceptible: NDArray[np.int64],
    n_sharers: int,
    decide: Decisions,
    schedule: Schedule,
    rng: np.random.Generator,
) -> Counts:
    """Run one replicate in synchronous rounds.

    Parameters
    ----------
    susceptible : array of int64, shape (n_states,)
        Susceptible agents in each state.
    n_sharers : int
        Agents that have shared at time 0.
    decide, schedule
        As in :func:`tworate.simulate.kernels.spread_in_rounds`.
    rng : numpy.random.Generator
        Source of randomness.

    Notes
    -----
    With `I` sharers an agent has `K ~ Binomial(I, c)` sightings in a round, and with probability `a` one more from the
    outside world. All agents in a state that have their j-th sighting decide together, and a binomial number of them
    shares. The number of the others that have a (j + 1)-th sighting is also binomial, with probability
    `P(K > j) / P(K ≥ j)`.
    """
    n_rounds, n_states = schedule.table.size, decide.following.size
    counts = no_counts(n_rounds, n_states)
    for t in range(n_rounds + 1):
        counts.infected[t] = n_sharers
        counts.si_edges[t] = n_sharers * susceptible.sum()
        if t == n_rounds:
            break
        probabilities = decide.probabilities[schedule.table[t]]
        visibility, outside = schedule.visibility[t], schedule.outside[t]
        number, p_before = 1, 1.0
        waiting, susceptible = susceptible, np.zeros(n_states, dtype=np.int64)
        while waiting.any():
            p_number = _chance_of_sightings(number, n_sharers, visibility, outside)
            # If the probability underflows to 0, no agent has that many sightings.
            deciding = rng.binomial(waiting, min(p_number / p_before, 1.0) if p_before > 0.0 else 0.0)
            susceptible += waiting - deciding
            persuaded = rng.binomial(deciding, probabilities)
            counts.decisions[t + 1] += deciding
            counts.new_sharers[t + 1] += persuaded
            waiting = np.zeros(n_states, dtype=np.int64)
            np.add.at(waiting, decide.following, deciding - persuaded)
            number, p_before = number + 1, p_number
        n_sharers += int(counts.new_sharers[t + 1].sum())
    return counts


def _chance_of_sightings(number: int, n_sharers: int, visibility: float, outside: float) -> float:
    """Return the probability of at least `number` sightings in a round."""

    def from_sharers(at_least: int) -> float:
        if at_least <= 0:
            return 1.0
        return float(special.betainc(at_least, n_sharers - at_least + 1, visibility)) if at_least <= n_sharers else 0.0

    return (1.0 - outside) * from_sharers(number) + outside * from_sharers(number - 1)


@njit("simulate")
def complete_in_time(
    susceptible: NDArray[np.int64],
    n_sharers: int,
    decide: Decisions,
    schedule: Schedule,
    key: NDArray[np.uint64],
) -> Counts:
    """Run one replicate in continuous time, recorded at whole times; `susceptible` is overwritten.

    The next sighting happens after an exponential time of rate `S (I c + a)`; each susceptible agent is equally likely.
    """
    n_rounds, n_states = schedule.table.size, decide.following.size
    counts = no_counts(n_rounds, n_states)
    stream = open_stream(key)
    n_susceptible = susceptible.sum()
    counts.infected[0], counts.si_edges[0] = n_sharers, n_sharers * n_susceptible
    for t in range(n_rounds):
        probabilities = decide.probabilities[schedule.table[t]]
        decisions, new_sharers = counts.decisions[t + 1], counts.new_sharers[t + 1]
        remaining = 1.0
        while True:
            rate = n_susceptible * (n_sharers * schedule.visibility[t] + schedule.outside[t])
            if rate <= 0.0:
                break
            remaining += np.log(1.0 - uniform(stream)) / rate
            if remaining <= 0.0:
                break
            number = min(int(uniform(stream) * n_susceptible), n_susceptible - 1)
            s = 0
            while number >= susceptible[s]:
                number -= susceptible[s]
                s += 1
            decisions[s] += 1
            susceptible[s] -= 1
            if uniform(stream) < probabilities[s]:
                new_sharers[s] += 1
                n_sharers += 1
                n_susceptible -= 1
            else:
                susceptible[decide.following[s]] += 1
        counts.infected[t + 1], counts.si_edges[t + 1] = n_sharers, n_sharers * n_susceptible
    return counts
