"""
Your own compressor
===================

You have a compressor, as Python functions or as a torch module, for a source that ``edcurve`` knows. How far from the
optimum is it, and which of its parts is to blame? ``edcurve_neural.evaluate`` answers both.
"""

import edcurve as ed
import edcurve_neural as edn
import numpy as np
import torch

# %%
# Two functions
# -------------
# A compressor is a function that makes indices, whole numbers, of realizations, and one that makes reconstructions of
# indices. Here is one for points on the unit circle that does the obvious thing: round each coordinate to a multiple
# of a step.

STEP = 0.5


def encode(x):
    """Realizations, shape (batch, 2), to indices, shape (batch, 2)."""
    return np.rint(np.asarray(x) / STEP).astype(int)


def decode(indices):
    """The other way."""
    return STEP * np.asarray(indices)


found = edn.evaluate(encode, decode, "circle")
print(f"{found.cells} indices occur, entropy {found.entropy:.4f} bits")
print(f"distortion {found.distortion:.5f}; if the decoder answered with centroids, {found.distortion_centroid:.5f}")

# %%
# There is no test set. A source on a curve has one parameter, so ``evaluate`` encodes 2²⁰ equally spaced phases and
# integrates: no sampling noise.
#
# The gap
# -------
# To E(D), the least entropy at that distortion:

gap = ed.excess("circle", found.distortion, found.entropy)
print(f"{gap:.4f} bits above E(D)")

# %%
# What training minimises is rather rate + λD. Its excess over the least value of any code has three parts, and they
# add up.

LMBDA = 8.0  # bits per unit distortion


def parts(name, evaluation):
    """Print the excess and its parts."""
    values = evaluation.decomposition(LMBDA)
    listed = ", ".join(f"{part.replace('_', ' ')} {value:.4f}" for part, value in values._asdict().items())
    share = 100 * evaluation.excess(LMBDA) / evaluation.optimum(LMBDA)
    print(f"{name:20} excess {evaluation.excess(LMBDA):.4f} bits, {share:.1f} % = {listed}")


parts("rounded coordinates", found)

# %%
# Rounding makes bad cells, which is the part called *partition*, and its decoder answers with points that are not the
# means of the cells. The entropy model has no share as no model was given: ``evaluate`` takes the entropy itself for
# the rate. A model is a function from indices to bits. Numbering the 16 pairs costs 4 bits each:

numbered = edn.evaluate(encode, decode, "circle", rate=lambda indices: np.full(len(indices), 4.0))
parts("numbered", numbered)

# %%
# The excess says what to improve first. The decoder is the cheapest: a table of centroids.

codes = encode(np.stack([f(2 * np.pi * (np.arange(2**16) + 0.5) / 2**16) for f in (np.cos, np.sin)], axis=1))
known, cell = np.unique(codes, axis=0, return_inverse=True)
turn = np.exp(2j * np.pi * (np.arange(2**16) + 0.5) / 2**16)
mean = np.bincount(cell, turn.real) + 1j * np.bincount(cell, turn.imag)
mean /= np.bincount(cell)
table = {tuple(index): (value.real, value.imag) for index, value in zip(known.tolist(), mean, strict=True)}
better = edn.evaluate(
    encode, lambda indices: np.array([table[tuple(i)] for i in np.asarray(indices).tolist()]), "circle"
)
parts("decoder of centroids", better)

# %%
# A torch module
# --------------
# Functions that take tensors get tensors, so methods of a module do as they are. This one has a codebook that is
# learned by gradient descent: the nearest codeword is the index.


class Codebook(torch.nn.Module):
    """K codewords."""

    def __init__(self, count):
        super().__init__()
        angle = 2 * torch.pi * torch.arange(count) / count
        self.words = torch.nn.Parameter(0.1 * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1))

    def encode(self, x):
        """Shape (batch, 2) to (batch,)."""
        return torch.cdist(x, self.words).argmin(dim=1)

    def decode(self, index):
        """Shape (batch,) to (batch, 2)."""
        return self.words[index]


def train(model, steps, generator):
    """Minimise the distortion on random phases."""
    adam = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(steps):
        angle = 2 * torch.pi * torch.rand(256, generator=generator)
        x = torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
        loss = (x - model.decode(model.encode(x))).square().sum(dim=1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return model


generator = torch.Generator().manual_seed(1)
books = {count: train(Codebook(count), 400, generator) for count in (3, 6, 12)}
learned = {count: edn.evaluate(book.encode, book.decode, "circle") for count, book in books.items()}
for count, evaluation in learned.items():
    parts(f"{count} codewords", evaluation)

# %%
# Now the cells are equal, and what is left of the excess is their number. Six are best at λ = 8; three and twelve are
# good codes, too, for another λ.

print("cells of the optimal code:", {lmbda: ed.lagrangian("circle", float(lmbda)).cells for lmbda in (2, 8, 16, 64)})

# %%
# Such modules, and any that have ``encode`` and ``decode``, are seen in single precision unless ``dtype`` says
# otherwise. A source that is a function is handed over as samples, by default 1024: ``evaluate(…, "ramp",
# samples=256)``.
#
# The picture
# -----------
# ``ed.plot_gap`` draws pairs of distortion and entropy against E(D), with the gap of each.

ed.plot_gap("circle", [(e.distortion, e.entropy) for e in (found, better, *learned.values())])

# %%
# Only samples?
# -------------
# If all you have is indices and squared errors of a test set, ``ed.measure`` estimates both numbers, corrects the
# entropy for indices that the sample missed, and gives confidence intervals.

phases = np.random.default_rng(0).random(5000)
x = np.stack([np.cos(2 * np.pi * phases), np.sin(2 * np.pi * phases)], axis=1)
indices = encode(x)
measured = ed.measure(indices, np.sum((x - decode(indices)) ** 2, axis=1))
print(measured)

# %%
# ``edcurve report circle --points FILE.csv --out report.html`` puts all of this into a file to hand on: see
# :doc:`/report`.
