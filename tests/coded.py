"""Compressors with tables of their own, for tests of coding."""

import edcurve_neural as edn
import numpy as np
import torch

WORDS = 64  # bits that a range coder of 32-bit words may lose at its end
EXTREMES = [-(2**63), -(2**62) - 1, -1000, 1000, 2**31, 2**63 - 1]


class Cells:
    """A compressor with its own tables, with only the methods that coding needs."""

    def __init__(self, *pairs):
        self.pairs = pairs
        self.flat = torch.tensor([float(low) for low, _ in pairs])

    def tables(self):
        return self.pairs

    def state(self):
        return {"flat": self.flat}

    def rate(self, indices):
        bits = torch.zeros(indices.shape[:2], dtype=torch.float64)
        for j, (low, probabilities) in enumerate(self.pairs):
            bits -= torch.log2(torch.tensor(probabilities))[indices[:, :, j] - low]
        return bits


def trained(source, lmbda, **fields):
    torch.set_num_threads(1)
    return edn.train(edn.Config(source, lmbda, hidden=(24, 24), batch_size=64, **fields), progress=False)


EXAMPLE = Cells((-2, np.array([0.125, 0.25, 0.5, 0.0625])), (5, np.array([1.0])))
ENTRIES = [[-2, 5], [0, 5], [0, 5], [1, 4], [-1, 5], [0, 5], [0, -(2**63)]]
PAYLOAD = "f8ff2919cbdf7f1d010820ff000000000000000080ff0300"
