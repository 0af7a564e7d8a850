"""
Your own source
===============

Which source is yours? If you know its spectrum, use ``Source.from_spectrum``. If it consists of
the shifts of one waveform, use ``Source.from_waveform``. If you measured vectors along a curve,
use ``Source.from_samples``. If that refuses them, because the curve differs from place to
place, use ``segment``. Each takes a few lines.

To run it: ``pip install .`` in a copy of the repository.
"""

import edcurve as ed
import matplotlib.pyplot as plt
import numpy as np

# %%
# A spectrum
# ----------
# A closed curve that looks the same from each of its points is, up to rotation, a sum of
# circles: harmonic k turns k times as fast and has energy c_k. Those energies determine the
# source. Here are a main circle and a small third harmonic:

source = ed.Source.from_spectrum([1.0, 0.0, 0.05], name="circle with a ripple")
print(f"D_max = {source.max_distortion:g}; E(D) is {source.status}")
ed.curve(source).plot()

# %%
# ``status`` says on what E(D) rests. For your own source, the condition behind it is checked
# on a grid of triples of cells: "exact (checked numerically)". Where the condition fails, or
# where distant phases are more similar than near ones, E(D) is refused. An upper bound takes
# its place, from a search over all kinds of partitions:

lumpy = ed.Source.from_spectrum([0.2, 1.0], name="strong second harmonic")
try:
    ed.entropy_distortion(lumpy, 0.5)
except ValueError as refusal:
    print(str(refusal).replace("δ", "delta"))  # not every terminal has a delta
print(f"E(0.5) is at most {ed.upper_bound(lumpy, 0.5):.4f} bits")

# %%
# A waveform
# ----------
# The source consists of all cyclic shifts of one period, which is a function on [0, 1) or an
# array of samples. Here it is a pulse with slanted edges:

t = np.arange(1024) / 1024
waveform = np.clip((0.2 - np.abs(t - 0.5)) / 0.02, 0, 1)
pulses = ed.Source.from_waveform(waveform, name="pulse")
print(f"D_max = {pulses.max_distortion:.4f}, the variance of the waveform; {pulses.status}")

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
code = ed.quantizer(pulses, 0.02)
left.plot(t, waveform, color="C0", label="a realization")
left.plot(t, code.decode(code.encode([0.0]))[0], color="C1", label="reconstruction")
left.set(xlabel="t", title=f"{len(code.centroids)} cells, {code.entropy:.2f} bits")
left.legend(frameon=False, loc="upper left", fontsize=8)
left.set_ylim(-0.05, 1.35)
ed.curve(pulses).plot(ax=right)
right.legend(frameon=False, fontsize=8)

# %%
# ``quantizer`` returns the optimal code as an object: ``encode`` takes phases or waveforms,
# ``decode`` returns waveforms.
#
# Measured vectors
# ----------------
# Each row is a realization, at equal steps of the phase around a loop. The points may come from
# anywhere. Here they come from a rotation in four dimensions, with a little noise.

phase = 2 * np.pi * np.arange(512) / 512
twice = 0.2 * np.cos(2 * phase), 0.2 * np.sin(2 * phase)
clean = np.stack([np.cos(phase), np.sin(phase), *twice], axis=1)
points = clean + 0.002 * np.random.default_rng(0).standard_normal(clean.shape)
loop = ed.Source.from_samples(points, name="measured loop")
print(f"{loop.status}; defect {loop.defect:.1e}")
print(f"distortions are known to {loop.truncation:.1e}")
D = 0.1
low, high = ed.entropy_distortion(loop, [D + loop.truncation, D - loop.truncation])
print(f"E({D}) = {ed.entropy_distortion(loop, D):.3f} bits, between {low:.3f} and {high:.3f}")

# %%
# ``defect`` says how far the distance of two points is from depending only on the difference of
# their phases. Here it is small. For an ellipse it is large, and then no formula gives
# E(D):

ellipse = np.stack([np.cos(phase), 0.3 * np.sin(phase)], axis=1)
try:
    ed.Source.from_samples(ellipse)
except ValueError as refusal:
    print(str(refusal).rpartition(", but ")[2])

# %%
# Any curve, any density
# ----------------------
# ``segment`` assumes nothing. For each λ it finds, among partitions into runs of consecutive
# points, the one with the least H + λD. Dynamic programming finds the global optimum, whereas a
# search might get stuck.

best = ed.segment(ellipse, [4.0, 16.0, 64.0], closed=True)
print(best.to_pandas().to_string(index=False, float_format="{:.4g}".format))

fig, axes = plt.subplots(1, 3, figsize=(9, 2.2), layout="constrained", sharex=True, sharey=True)
for i, ax in enumerate(axes):
    ax.plot(*ellipse.T, color="0.7", lw=1)
    ax.plot(*ellipse[best.boundaries[i]].T, "|", color="C3", ms=14)
    ax.plot(*best.centroids[i].T, "o", color="C0", ms=4)
    ax.set(aspect="equal", title=f"λ = {best.lmbda[i]:g}: {best.cells[i]} cells")

# %%
# A partition is also a quantizer of new points. ``encode`` gives a point the cell of the
# nearest point of the curve. The cell's centroid need not be the nearest one, because cells
# minimise H + λD, not D. ``decode`` returns the centroid:

cells = ed.segment(ellipse, 16.0, closed=True)
new = ellipse[::5] + 0.02 * np.random.default_rng(1).standard_normal(ellipse[::5].shape)
index = cells.encode(new)
nearest = np.linalg.norm(new[:, None] - cells.centroids, axis=2).argmin(axis=1)
print(f"{np.mean(index != nearest):.0%} of the new points are nearer to another centroid")
for name, chosen in (("cell of the nearest point", index), ("nearest centroid", nearest)):
    measured = ed.measure(chosen, np.sum((new - cells.decode(chosen)) ** 2, axis=1))
    print(f"{name}: entropy {measured.entropy:.3f} bits, distortion {measured.distortion:.5f}")

# %%
# Cells are short along the flat sides, where the curve moves fast. With ``weights`` the
# phases may have any density, and points with one coordinate are a scalar source. Here is
# entropy-constrained scalar quantisation of a Laplacian. Its optimum is known: equal steps,
# and a wider zero (Sullivan 1996).

value = np.linspace(-8, 8, 1601)
laplace = ed.segment(value, 4.0, weights=np.exp(-np.abs(value)))
print(f"{laplace.cells} cells, {laplace.entropy:.4f} bits, distortion {laplace.distortion:.4f}")
print("boundaries:", value[laplace.boundaries][1:].round(2))

# %%
# :doc:`/auto_examples/index` measure photographs in this way.

plt.show()  # run as a script, this shows the pictures
