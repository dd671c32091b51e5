"""HTML reports, with their figures and tables."""
