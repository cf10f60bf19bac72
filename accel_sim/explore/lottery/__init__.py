"""Which sampler, with which settings, by how much, and how much of it is luck: contests under equal budgets."""
