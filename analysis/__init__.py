"""Studies, figures, reports, and the command line."""
