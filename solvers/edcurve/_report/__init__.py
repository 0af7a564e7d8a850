"""The parts of the report: what is in it, its plots and its page."""
