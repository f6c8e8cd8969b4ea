"""Architecture search: objective, tuner and trials."""
