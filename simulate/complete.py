"""The spreading process on the complete network: agents in one state are alike, so only their numbers are stored."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..common.compiled import njit
from .kernels import Counts, Decisions, Schedule, cell_of, no_counts
from .streams import open_stream, uniform
from .thinning import STEPS, Thinning, depends_on_age, is_seen


def complete_in_rounds(
    susceptible: NDArray[np.int64],
    n_sharers: int,
    decide: Decisions,
    schedule: Schedule,
    thinning: Thinning,
    rng: np.random.Generator,
) -> Counts:
    """Run one replicate in synchronous rounds.

    Parameters
    ----------
    susceptible : array of int64, shape (n_states,)
        Susceptible agents in each state.
    n_sharers : int
        Agents that have shared at time 0.
    decide, schedule, thinning
        As in :func:`tworate.simulate.kernels.spread_in_rounds`.
    rng : numpy.random.Generator
        Source of randomness.

    Notes
    -----
    With `I` sharers an agent has `K ~ Binomial(I, c)` sightings in a round, and with probability `a` one more from the
    outside world. All agents in a state that have their j-th sighting decide together, and a binomial number of them
    shares. The number of the others that have a (j + 1)-th sighting is also binomial, with probability
    `P(K > j) / P(K ≥ j)`. Where shares fade, K is the sum of binomial numbers, one for each age.
    """
    n_rounds, n_states = schedule.table.size, decide.following.size
    counts = no_counts(n_rounds, decide.probabilities.shape[1])
    every_state = np.arange(n_states)
    new = [n_sharers]
    for t in range(n_rounds + 1):
        counts.infected[t] = n_sharers
        counts.si_edges[t] = n_sharers * susceptible.sum()
        if t == n_rounds:
            break
        # All agents have the same neighbours, and so one cue.
        cells = np.array([cell_of(decide, s, n_sharers) for s in every_state]) if decide.cue.size else every_state
        probabilities = decide.probabilities[schedule.table[t], cells]
        visibility, outside = schedule.visibility[t], schedule.outside[t]
        from_sharers = _SightingsFromSharers(_by_chance(new, n_sharers, visibility, thinning))
        number, p_before = 1, 1.0
        waiting, susceptible = susceptible, np.zeros(n_states, dtype=np.int64)
        while waiting.any():
            p_number = _chance_of_sightings(number, from_sharers, outside)
            # If the probability underflows to 0, no agent has that many sightings.
            deciding = rng.binomial(waiting, min(p_number / p_before, 1.0) if p_before > 0.0 else 0.0)
            susceptible += waiting - deciding
            persuaded = rng.binomial(deciding, probabilities)
            counts.decisions[t + 1, cells] += deciding
            counts.new_sharers[t + 1, cells] += persuaded
            waiting = np.zeros(n_states, dtype=np.int64)
            np.add.at(waiting, decide.following, deciding - persuaded)
            number, p_before = number + 1, p_number
        new.append(int(counts.new_sharers[t + 1].sum()))
        n_sharers += new[-1]
    return counts


def _by_chance(new: Sequence[int], n_sharers: int, visibility: float, thinning: Thinning) -> list[tuple[int, float]]:
    """Return numbers of sharers, and the probability that one of them shows the post, in the round after the last."""
    if not depends_on_age(thinning):
        return [(n_sharers, visibility)]
    n_seen = int(min(thinning.shelf_life, len(new)))
    seen = new[::-1][:n_seen]
    if thinning.log_fading.size == 0:
        return [(sum(seen), visibility)]
    weight = np.exp(thinning.log_fading[: n_seen * STEPS : STEPS])
    return [(n, visibility * float(w)) for n, w in zip(seen, weight, strict=True) if n > 0]


class _SightingsFromSharers:
    """The law of the number of sightings of an agent in a round, from all sharers."""

    def __init__(self, by_chance: Sequence[tuple[int, float]]) -> None:
        self._n_sharers = sum(n for n, _ in by_chance)
        self._chance = by_chance[0][1] if by_chance else 0.0
        self._tail = _tail_of_sum(by_chance) if len(by_chance) > 1 else None

    def at_least(self, number: int) -> float:
        """Return the probability of at least so many sightings."""
        if number <= 0:
            return 1.0
        if self._tail is not None:
            return float(self._tail[number]) if number < self._tail.size else 0.0
        if number > self._n_sharers:
            return 0.0
        return float(special.betainc(number, self._n_sharers - number + 1, self._chance))


def _tail_of_sum(by_chance: Sequence[tuple[int, float]]) -> NDArray[np.float64]:
    """Return `P(K ≥ j)` for a sum `K` of binomial numbers and each `j` that is not practically impossible."""
    from scipy import stats

    mean = sum(n * p for n, p in by_chance)
    # By Chernoff's bound, more have a probability below 1e-30.
    most = int(mean + 12.0 * np.sqrt(mean) + 40.0)
    law = np.ones(1)
    for n, p in by_chance:
        law = np.convolve(law, stats.binom.pmf(np.arange(min(n, most) + 1), n, p))[: most + 1]
    return np.cumsum(law[::-1])[::-1]


def _chance_of_sightings(number: int, from_sharers: _SightingsFromSharers, outside: float) -> float:
    """Return the probability of at least `number` sightings in a round."""
    return (1.0 - outside) * from_sharers.at_least(number) + outside * from_sharers.at_least(number - 1)


@njit("simulate")
def complete_in_time(
    susceptible: NDArray[np.int64],
    n_sharers: int,
    decide: Decisions,
    schedule: Schedule,
    thinning: Thinning,
    key: NDArray[np.uint64],
) -> Counts:
    """Run one replicate in continuous time, recorded at whole times; `susceptible` is overwritten.

    The next sighting happens after an exponential time of rate `S (I c + a)`; each susceptible agent is equally likely.
    Where sightings are thinned, `I` counts the sharers within their shelf life, and each is equally likely to be seen.
    """
    n_rounds = schedule.table.size
    counts = no_counts(n_rounds, decide.probabilities.shape[1])
    stream = open_stream(key)
    n_susceptible = susceptible.sum()
    # Times of sharing are in order, so the sharers beyond their shelf life are the first.
    shared_at = np.zeros(n_sharers + n_susceptible if depends_on_age(thinning) else 0)
    is_thinned = shared_at.size > 0 or thinning.log_pace.size > 0
    n_expired = 0
    counts.infected[0], counts.si_edges[0] = n_sharers, n_sharers * n_susceptible
    for t in range(n_rounds):
        probabilities = decide.probabilities[schedule.table[t]]
        decisions, new_sharers = counts.decisions[t + 1], counts.new_sharers[t + 1]
        remaining = 1.0
        while True:
            if shared_at.size > 0:
                while n_expired < n_sharers and t + 1.0 - remaining - shared_at[n_expired] >= thinning.shelf_life:
                    n_expired += 1
            near = (n_sharers - n_expired) * schedule.visibility[t]
            rate = n_susceptible * (near + schedule.outside[t])
            if rate <= 0.0:
                break
            remaining += np.log(1.0 - uniform(stream)) / rate
            if remaining <= 0.0:
                break
            time = t + 1.0 - remaining
            if is_thinned and uniform(stream) * (near + schedule.outside[t]) < near:
                age = 0.0
                if shared_at.size > 0:
                    n_seen = n_sharers - n_expired
                    age = time - shared_at[n_expired + min(int(uniform(stream) * n_seen), n_seen - 1)]
                if age >= thinning.shelf_life or not is_seen(thinning, time, age, stream):
                    continue
            number = min(int(uniform(stream) * n_susceptible), n_susceptible - 1)
            s = 0
            while number >= susceptible[s]:
                number -= susceptible[s]
                s += 1
            cell = cell_of(decide, s, n_sharers) if decide.cue.size > 0 else s
            decisions[cell] += 1
            susceptible[s] -= 1
            if uniform(stream) < probabilities[cell]:
                new_sharers[cell] += 1
                if shared_at.size > 0:
                    shared_at[n_sharers] = time
                n_sharers += 1
                n_susceptible -= 1
            else:
                susceptible[decide.following[s]] += 1
        counts.infected[t + 1], counts.si_edges[t + 1] = n_sharers, n_sharers * n_susceptible
    return counts
