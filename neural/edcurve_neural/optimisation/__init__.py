"""A program of training: the state that changes from step to step, and what changes it."""
