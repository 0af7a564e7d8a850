"""The parts of the general search over partitions: cells, starts, descent, exchanges, grids."""
