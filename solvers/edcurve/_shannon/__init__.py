"""Shannon's rate-distortion function: the orbit argument for closed sources, Blahut–Arimoto for open ones."""
