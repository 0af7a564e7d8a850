"""Sweeps whose processes are killed at random, and resumed: no run is lost, and every one ends with the same bits."""
