"""The hierarchical model over the conditions of a study."""
