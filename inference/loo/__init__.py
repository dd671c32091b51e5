"""Leave-one-out cross-validation by Pareto-smoothed importance sampling."""
