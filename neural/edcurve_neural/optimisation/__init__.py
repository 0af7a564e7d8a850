"""What every program of training shares: its state, its optimiser and its schedules."""
