"""What is fitted: specification, prediction, likelihood, PyMC model, and the compiled log-density."""
