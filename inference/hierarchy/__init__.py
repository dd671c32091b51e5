"""The hierarchical model over the conditions of a study, in parts; its front is `tworate.inference.hierarchical`."""
