"""
A codec that returns likelihoods
================================

You trained a codec like those of CompressAI: a torch module whose forward pass returns
``x_hat`` and ``likelihoods``. How many bits is it above the optimum, and why? This page
trains such modules and passes them to ``edcurve`` as they are. The data are points of a
circle first, then patches of a photograph.

To run it: ``pip install '.[neural]' scikit-image`` in a copy of the repository (PyTorch first,
for your machine).
"""

import edcurve as ed
import edcurve_neural as edn
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter
from skimage import data

# %%
# The module
# ----------
# Put your own here. Like most modules, this one has an analysis, rounding, a synthesis, and a
# density for each latent, which is a mixture of three logistic densities. In training, noise
# takes the place of rounding.


class Codec(torch.nn.Module):
    """Pictures or vectors of `dim` numbers, through a few latents."""

    def __init__(self, dim, latents, width=64):
        super().__init__()
        self.analysis = self.network(dim, width, latents)
        self.synthesis = self.network(latents, width, dim)
        self.place = torch.nn.Parameter(torch.linspace(-2, 2, 3).repeat(latents, 1))
        self.size = torch.nn.Parameter(torch.zeros(latents, 3))
        self.share = torch.nn.Parameter(torch.zeros(latents, 3))

    @staticmethod
    def network(*widths):
        """Two layers."""
        first, second = torch.nn.Linear(*widths[:2]), torch.nn.Linear(*widths[1:])
        return torch.nn.Sequential(first, torch.nn.LeakyReLU(0.2), second)

    def likelihood(self, y):
        """Probability of the interval of length 1 about each latent."""
        z = (y[..., None] - self.place) / self.size.exp()
        half = 0.5 / self.size.exp()
        mass = torch.sigmoid(z + half) - torch.sigmoid(z - half)
        return (self.share.softmax(dim=1) * mass).sum(dim=2).clamp(min=1e-9)

    def forward(self, x):
        """Reconstructions of the shape of x, and likelihoods of all latents."""
        y = 4 * self.analysis(x.flatten(start_dim=1))
        y = y + torch.rand_like(y) - 0.5 if self.training else torch.round(y)
        return {
            "x_hat": self.synthesis(y).reshape(x.shape),
            "likelihoods": {"y": self.likelihood(y)},
        }


def train(codec, draw, lmbda, steps=1000):
    """Minimise bits + lmbda times the squared error, summed over the numbers of a sample."""
    adam = torch.optim.Adam(codec.parameters(), lr=0.01, fused=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        x = draw(128)
        out = codec(x)
        bits = -out["likelihoods"]["y"].log2().sum() / len(x)
        error = (out["x_hat"] - x).square().sum() / len(x)
        adam.zero_grad()
        (bits + lmbda * error).backward()
        adam.step()
        decay.step()
    return codec.eval()


# %%
# The circle
# ----------
# The source has a name, ``circle``. A single line then evaluates a module: the codec,
# ``None`` for the decoder, and the source. There is no test set and no sampling error,
# because ``evaluate`` integrates over the phase.

LMBDA = 16.0  # bits per unit of squared error


def circle(count):
    """Points of the unit circle at random phases."""
    turn = 2 * torch.pi * torch.rand(count)
    return torch.stack([torch.cos(turn), torch.sin(turn)], dim=1)


torch.manual_seed(0)
on_circle = {}
for latents in (1, 2):
    codec = train(Codec(2, latents), circle, LMBDA)
    on_circle[f"{latents} latent{'s' * (latents > 1)}"] = edn.evaluate(
        codec, None, "circle", points=2**18
    )

best = ed.lagrangian("circle", LMBDA)
print(f"optimum: {best.value:.3f} bits, {best.cells} cells")
for name, evaluation in on_circle.items():
    print(
        f"{name}: {evaluation.rate:.3f} bits, "
        f"distortion {evaluation.distortion:.4f}, {evaluation.cells} cells"
    )

# %%
# The excess of rate + λD over the optimum says how far the codec is from the best one for its
# λ. Its three parts say why.


def reasons(name, evaluation, lmbda):
    """Print the excess and its parts."""
    parts = evaluation.decomposition(lmbda)._asdict()
    listed = ", ".join(f"{part.replace('_', ' ')} {bits:.3f}" for part, bits in parts.items())
    print(f"{name}: {evaluation.excess(lmbda):.3f} bits above the optimum ({listed})")


for name, evaluation in on_circle.items():
    reasons(name, evaluation, LMBDA)

# %%
# With one latent nearly all of the excess is *partition*: the cells are bad. The circle is a
# loop and the latent is a line, so the encoder has to fold the loop, and distant arcs share
# an index. :doc:`/topology` has pictures of this. With two latents the cells are almost
# right. The excess is now mostly the *entropy model*, which takes the two latents to be
# independent. They are not: together they lie on a ring.
#
# Patches of a photograph
# -----------------------
# A patch of 16 by 16 pixels is turned about its centre. The patches of all angles are a loop
# in 256 dimensions, and nobody has a name for this source. So measure it: patches at equally
# spaced angles, one in each row.

SIZE = 16
spline = spline_filter(gaussian_filter(data.camera() / 255.0, 1.0))
offset = np.arange(SIZE) - (SIZE - 1) / 2
dy, dx = np.meshgrid(offset, offset, indexing="ij")
mask = np.clip(3 - 6 * np.hypot(dy, dx) / SIZE, 0, 1)  # no corner enters or leaves


def turned(turns):
    """Patches, shape (n, 1, 16, 16), with pixels in [0, 1]; an angle is a number of turns."""
    angle = 2 * np.pi * np.asarray(turns)[:, None, None]
    rows = 80 + np.cos(angle) * dy - np.sin(angle) * dx
    columns = 240 + np.sin(angle) * dy + np.cos(angle) * dx
    patches = map_coordinates(spline, [rows, columns], order=3, prefilter=False) * mask
    return patches[:, None].astype(np.float32)


loop = turned(np.arange(720) / 720)
source = ed.Source.from_samples(loop.reshape(720, -1), name="patch")
print(f"{source.status}; the loop deviates from stationary by {source.defect:.1e}")

# %%
# Is your loss in bits per pixel and 255² MSE? ``Units`` turns its weight into bits per unit
# of the source's squared error, which is a sum over the pixels.

units = ed.Units(SIZE * SIZE, loss="bpp + lmbda * 255**2 * mse")  # of pixels in [0, 1]
weight = units.lmbda(5e-5)
print(f"lambda is {weight:.3f} bits per unit of squared error")

training = torch.from_numpy(loop)
codec = train(Codec(SIZE**2, 2), lambda n: training[torch.randint(len(loop), (n,))], weight)

# %%
# The test set has patches at random angles, in the shape in which the codec takes them. Pass
# it as ``data``; a ``DataLoader`` will do, too.

test = turned(np.random.default_rng(1).random(4000))
evaluation = edn.evaluate(codec, None, source, data=test)
reasons("patches", evaluation, weight)
low, high = evaluation.excess_interval(weight)
print(f"95 % interval of the excess: {low:.3f} to {high:.3f} bits")

# %%
# This is the answer: so many bits from the optimum, plus or minus this, and the largest parts
# are the reason. To test a reason, replace the part. Two are large here. Let us keep the
# encoder, and put tables in the place of the other two networks, one row for each pair of
# latents.


def encode(x):
    """Patches to pairs of whole numbers."""
    return torch.round(4 * codec.analysis(x.flatten(start_dim=1)))


pairs = encode(training).detach().numpy()
rows, cell, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
place = {tuple(row): i for i, row in enumerate(rows)}
means = np.stack([loop[cell == i].mean(axis=0) for i in range(len(rows))])
lengths = -np.log2(count / count.sum())


def decode(pair):
    """The mean patch of each cell."""
    return means[[place[tuple(row)] for row in pair.numpy()]]


def rate(pair):
    """Bits by a table, instead of a density for each latent."""
    return lengths[[place[tuple(row)] for row in pair.numpy()]]


tables = edn.evaluate(encode, decode, source, rate, data=test)
reasons("with tables", tables, weight)

# %%
# A test set is random, so a part can come out slightly below 0. In the picture, both are at
# their rate and distortion, above E(D) of the loop.

ax = ed.plot_gap(
    source,
    {
        "label": ["two latents", "with tables"],
        "distortion": [evaluation.distortion, tables.distortion],
        "entropy": [evaluation.rate, tables.rate],
    },
)
ax.set_xlim(0.1 * evaluation.distortion, None)

# %%
# Traps
# -----
# A module in training mode adds noise, so it is not a code: a patch gets another index
# each time. ``evaluate`` encodes the first batch twice, and refuses a codec that differs.

codec.train()
try:
    edn.evaluate(codec, None, source, data=test[:500])
except ValueError as refusal:
    print(refusal)

# %%
# The indices of a module that returns ``x_hat`` and ``likelihoods`` are not visible. So samples
# with the same ``x_hat`` count as one cell. Photographs hardly ever share one, and the entropy
# of their indices cannot be estimated; rate and distortion can. :doc:`plot_8_test_set` shows
# what to do where the source is not known.

plt.show()  # run as a script, this shows the picture
