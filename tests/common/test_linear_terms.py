"""Terms of a linear predictor."""

import numpy as np
import pytest

from tworate.common.linear_terms import Term, identified, zero_sum_contrasts


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_contrasts_are_orthonormal_and_sum_to_zero(n):
    contrasts = zero_sum_contrasts(n)
    assert contrasts.shape == (n, n - 1)
    np.testing.assert_allclose(contrasts.T @ contrasts, np.eye(n - 1), atol=1e-14)
    np.testing.assert_allclose(contrasts.sum(axis=0), 0.0, atol=1e-14)
    # Coefficients of equal variance give every level the same variance, and every pair the same covariance.
    np.testing.assert_allclose(contrasts @ contrasts.T, np.eye(n) - 1.0 / n, atol=1e-14)


def test_terms_that_do_not_vary_or_repeat_others_are_left_out():
    def number(name, values):
        return Term(name, ("one more",), np.array(values, dtype=float)[:, None], np.ones((1, 1)))

    terms = [
        number("a", [0, 1, 0, 1]),
        number("same", [2, 2, 2, 2]),
        number("b", [0, 0, 1, 1]),
        number("sum", [0, 1, 1, 2]),
    ]
    selected, notes = identified(terms, 4)
    assert [term.name for term in selected] == ["a", "b"]
    assert notes == [
        "left out, since it does not vary here: same",
        "left out, since it cannot be told apart from a, b here: sum",
    ]
