"""
Your own compressor
===================

You have a compressor, as Python functions or as a torch module, for a source that ``edcurve``
knows. How far is it from the optimum, and which of its parts causes the gap?
``edcurve_neural.evaluate`` answers both questions.

To run it: ``pip install '.[neural]'`` in a copy of the repository (PyTorch first, for your
machine).
"""

import edcurve as ed
import edcurve_neural as edn
import matplotlib.pyplot as plt
import numpy as np
import torch

# %%
# Two functions
# -------------
# A compressor is two functions. One turns realizations into indices, which are whole numbers.
# The other turns indices into reconstructions. Here is an obvious compressor for points on the
# unit circle: round each coordinate to a multiple of ½, which gives one of five values, and
# number the pairs.


def encode(x):
    """Turn realizations, shape (batch, 2), into indices, shape (batch,)."""
    first, second = np.rint(2 * np.asarray(x)).astype(int).T + 2
    return 5 * first + second


def decode(index):
    """Turn indices, shape (batch,), into reconstructions, shape (batch, 2)."""
    return (np.stack(np.divmod(np.asarray(index), 5), axis=1) - 2) / 2


rounded = edn.evaluate(encode, decode, "circle")
print(f"{rounded.cells} indices occur, entropy {rounded.entropy:.4f} bits")
print(f"distortion {rounded.distortion:.5f}, with centroids {rounded.distortion_centroid:.5f}")

# %%
# There is no test set. A source on a curve has one parameter. So ``evaluate`` encodes 2²⁰
# equally spaced phases and integrates, without sampling noise.
#
# The gap
# -------
# E(D) is the least entropy at that distortion. The gap to it is:

gap = ed.excess("circle", rounded.distortion, rounded.entropy)
print(f"{gap:.4f} bits above E(D)")

# %%
# Training usually minimises rate + λD. The excess of rate + λD over the least value of any code
# has three parts, which add up to it.

LMBDA = 8.0  # bits per unit distortion


def parts(name, evaluation):
    """Print the excess and its parts."""
    values = evaluation.decomposition(LMBDA)._asdict()
    listed = " + ".join(
        f"{value:.3f} {part.replace('_', ' ')}" for part, value in values.items()
    )
    print(f"{name:19} {evaluation.excess(LMBDA):.3f} bits = {listed}")


parts("rounded coordinates", rounded)

# %%
# Rounding makes bad cells, and the part called *partition* measures that. The decoder's answers
# are not the means of the cells. The entropy model has no share, because we gave none:
# ``evaluate`` then takes the entropy itself as the rate. A model is a function from
# indices to bits. Numbering the 16 pairs, for example, costs 4 bits each:

numbered = edn.evaluate(encode, decode, "circle", rate=lambda index: np.full(len(index), 4.0))
parts("numbered", numbered)

# %%
# The parts say what to improve first. The decoder is easiest: use a table of centroids.

turn = 2 * np.pi * (np.arange(2**16) + 0.5) / 2**16
x = np.stack([np.cos(turn), np.sin(turn)], axis=1)
index = encode(x)
count = np.maximum(np.bincount(index), 1)
centroids = np.stack([np.bincount(index, column) / count for column in x.T], axis=1)
better = edn.evaluate(encode, lambda index: centroids[index], "circle")
parts("with centroids", better)

# %%
# A torch module
# --------------
# Functions that take tensors get tensors, so you can pass the methods of a module directly.
# This module learns a codebook by gradient descent: the index is that of the nearest
# codeword.


class Codebook(torch.nn.Module):
    """K codewords."""

    def __init__(self, count):
        super().__init__()
        angle = 2 * torch.pi * torch.arange(count) / count
        self.words = torch.nn.Parameter(
            0.1 * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
        )

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
learned = {}
for count, book in books.items():
    learned[count] = edn.evaluate(book.encode, book.decode, "circle")
    parts(f"{count} codewords", learned[count])

# %%
# Now the cells are equal, and the excess is due only to their number. Six cells are best at
# λ = 8. Three and twelve are good codes too, but for other λ.

for lmbda in (2.0, 8.0, 16.0, 64.0):
    print(f"lambda = {lmbda:g}: {ed.lagrangian('circle', lmbda).cells} cells are best")

# %%
# Modules with ``encode`` and ``decode`` are evaluated in single precision
# unless ``dtype`` says otherwise. A source that is a function is passed as samples, by
# default 1024: ``evaluate(…, "ramp", samples=256)``.
#
# The picture
# -----------
# ``ed.plot_gap`` draws pairs of distortion and entropy above E(D), with the gap of each pair.

ed.plot_gap("circle", [(e.distortion, e.entropy) for e in (rounded, better, *learned.values())])

# %%
# Only samples?
# -------------
# You may have only indices and squared errors of a test set. Then ``ed.measure`` estimates both
# numbers, corrects the entropy for indices that the sample missed, and gives confidence
# intervals.

sample = np.random.default_rng(0).choice(x, 5000)
measured = ed.measure(encode(sample), np.sum((sample - decode(encode(sample))) ** 2, axis=1))
print(f"entropy {measured.entropy:.3f}, between", np.round(measured.entropy_interval, 3))
print(
    f"distortion {measured.distortion:.4f}, between", np.round(measured.distortion_interval, 4)
)

# %%
# A test set
# ----------
# If you have the samples too, ``edn.evaluate`` takes them in place of the source: an array, a
# ``DataLoader``, or any batches, of any dimension. Many modules return reconstructions and
# likelihoods from one forward pass, as those of CompressAI do. They are passed as they are,
# with ``None`` for the decoder.


class OneForwardPass(torch.nn.Module):
    """Rounded coordinates, with 2 bits for each."""

    def forward(self, x):
        """Reconstructions, and likelihoods of all latents."""
        latent = torch.round(2 * x)
        return {"x_hat": latent / 2, "likelihoods": {"y": torch.full_like(latent, 0.25)}}


tested = edn.evaluate(OneForwardPass(), None, "circle", data=sample)
print(f"rate {tested.rate:.3f}, entropy {tested.entropy:.3f} bits, {tested.cells} cells")
print(f"excess {tested.excess(LMBDA):.3f}, between", np.round(tested.excess_interval(LMBDA), 3))
parts("on a test set", tested)

# %%
# Often nobody knows the source. Then the excess is taken over a lower bound from Shannon's R(D)
# of some of the samples, and ``ecvq`` gives the cost of a codebook made from samples. The
# optimum is between them, unless the samples are few.

unknown = edn.evaluate(OneForwardPass(), None, sample)
print(f"rate + lmbda D {unknown.rate + LMBDA * unknown.distortion:.3f} bits")
print(f"a codebook {unknown.ecvq(LMBDA):.3f} bits")
print(f"{unknown.reference.replace('λ', 'lmbda ')}: {unknown.optimum(LMBDA):.3f} bits")
print(f"known optimum {ed.lagrangian('circle', LMBDA).value:.3f} bits")

# %%
# ``edcurve report circle --points FILE.csv --out report.html`` puts all of this into one file
# that you can hand on: see :doc:`/report`.

plt.show()  # run as a script, this shows the picture
