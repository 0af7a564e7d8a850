"""Dynamic programming over contiguous partitions: what `edcurve.segmentation` runs. No validation, nats."""
