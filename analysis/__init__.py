"""Studies, figures, report, and the command line."""
