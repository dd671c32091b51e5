"""The comparison of models on each condition: fits, verdict, results, files, and figures."""
