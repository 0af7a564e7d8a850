"""
A test set, and nothing else
============================

You have a codec and a test set. Nobody knows the source, so nobody knows E(D). What can be
said about the distance from the optimum? Three numbers: the entropy with its interval, a
lower bound for any code of these samples, and the cost of a plain codebook.

To run it: ``pip install '.[neural]'`` in a copy of the repository (PyTorch first, for your
machine).
"""

import edcurve as ed
import edcurve_neural as edn
import matplotlib.pyplot as plt
import numpy as np

# %%
# The samples and the codec
# -------------------------
# Put yours here: samples of any shape, and a codec as two functions or as a module, see
# :doc:`plot_6_codec_module`. These samples are pairs of numbers that depend on each other:
# two readings of one quantity, each with noise. The codec ignores that: it rounds each to a
# step.

generator = np.random.default_rng(0)
quantity = generator.laplace(size=(4000, 1))
x = quantity + 0.2 * generator.normal(size=(4000, 2))
STEP, LMBDA = 0.8, 6.0  # bits per unit of squared error


def encode(x):
    """Samples, shape (n, 2), to whole numbers of the same shape."""
    return np.rint(np.asarray(x) / STEP).astype(int)


def decode(index):
    """Back, shape (n, 2)."""
    return STEP * np.asarray(index)


# %%
# What it costs
# -------------
# The entropy of the indices is estimated: samples miss rare indices, so that counting alone
# comes out too low. It is corrected, with an interval of 95 %.

evaluation = edn.evaluate(encode, decode, x)
print(
    f"entropy {evaluation.entropy:.3f} bits, between", np.round(evaluation.entropy_interval, 3)
)
print(
    f"distortion {evaluation.distortion:.4f}, between",
    np.round(evaluation.distortion_interval, 4),
)
print(f"{evaluation.cells} indices seen")

# %%
# Bounds on the optimum
# ---------------------
# Shannon's R(D) of the samples is a lower bound: no code of them, of whatever kind, has a
# lower H + λD. A codebook made from half of the samples and tried on the other half shows
# what is easy to attain. Both are computed from 1024 of the samples.

cost = evaluation.rate + LMBDA * evaluation.distortion
lower, book = evaluation.optimum(LMBDA), evaluation.ecvq(LMBDA)
low, high = evaluation.excess_interval(LMBDA)
print(f"the codec       {cost:.3f} bits")
print(f"a codebook      {book:.3f} bits")
print(f"no code below   {lower:.3f} bits ({evaluation.reference.split(':')[0]})")
print(f"above that      {cost - lower:.3f} bits, between {low:.3f} and {high:.3f}")
print(f"above the book  {cost - book:.3f} bits")

# %%
# So the optimum lies between the codebook and the bound, and the codec's excess between the
# last line and the upper end of the line before. The codebook is a real code, tried on 512
# samples that it was not made from, and uncertain by their noise. The other end is cautious.
# R(D) is that of blocks of many samples, and codes of single ones need more.
#
# The reason
# ----------
# Two parts of the excess need no optimum: the losses of the entropy model and of the decoder.
# The rest is due to the cells, and to the gap between the bound and the optimum.

for part, bits in evaluation.decomposition(LMBDA)._asdict().items():
    print(f"{part.replace('_', ' '):13} {bits:.3f} bits")

# %%
# No entropy model was given, so its part is 0. A decoder that answers with the means of the
# cells would save the second part. The largest is the partition. Its cells are squares along
# the axes, while the samples lie near a diagonal. Is that the reason? Turn the samples first:

turn = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
turned = edn.evaluate(lambda x: encode(x @ turn), lambda index: decode(index) @ turn, x)
better = turned.rate + LMBDA * turned.distortion
print(f"turned first {better:.3f} bits instead of {cost:.3f}: {cost - better:.3f} bits less")

# %%
# It is a part of the reason. And this code is better than the codebook. So the codec was at
# least as far from the optimum as the last number says: a better code of any kind raises the
# lower end.
#
# The picture
# -----------
# Other distortions are as easy. ``empirical_rate_distortion`` encloses R(D) of vectors, and
# ``ecvq`` makes a codebook for each λ.

D = np.array([0.05, 0.1, 0.2, 0.4])
bounds = ed.empirical_rate_distortion(x[:200], D)
books = [ed.ecvq(x[:2000], lmbda, codewords=32) for lmbda in (1.0, 2.0, 4.0, 8.0)]
coded = [(book.encode(x[2000:]), book) for book in books]
error = [np.mean(np.sum((x[2000:] - book.decode(i)) ** 2, axis=1)) for i, book in coded]

fig, ax = plt.subplots(layout="constrained")
ax.plot(
    D, bounds.lower, "o-", color="C4", label="R(D) of 200 samples: no code of them is below"
)
ax.plot(
    error,
    [book.rate(i).mean() for i, book in coded],
    "o-",
    color="C0",
    label="ECVQ, on new samples",
)
for name, result, color in (("the codec", evaluation, "C3"), ("turned first", turned, "C1")):
    ax.plot(result.distortion, result.rate, "D", color=color, label=name)
ax.set(xscale="log", xlabel="Distortion D (squared error of a sample)", ylabel="bits")
ax.set_ylim(0, None)
ax.legend(frameon=False)

# %%
# When samples are too few
# ------------------------
# R(D) of n samples cannot exceed log₂ n. With many dimensions or at high rate the bound
# therefore says little. Compare two sizes: where they agree, more samples would hardly change
# it.

fewer = ed.empirical_rate_distortion(x[:100], D)
print("D          ", D)
print("100 samples", np.round(fewer.lower, 2), "bits at least")
print("200 samples", np.round(bounds.lower, 2))

# %%
# The figures also rest on the test set being like the source: the codec must not have been
# trained on it. If your data are runs of a process with one parameter, such as an angle or a
# time, more is known: :doc:`plot_2_your_source`.

plt.show()  # run as a script, this shows the picture
