"""HTML reports, and the figures and tables in them."""
