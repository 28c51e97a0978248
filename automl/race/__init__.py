"""Which learner it becomes: candidates tried on folds until the time is up."""
