"""Who or when: which mechanism makes the hazard fall."""
