"""
A window that slides across an edge
===================================

A window slides over a photograph in steps of a fraction of a pixel, from hair into the sky. Again a single real number
determines a thousand pixels, but now the curve is open and far from stationary. Crossing the edge changes every
picture, and sliding on through the sky changes none. The formula for E(D) does not apply, but dynamic programming does.

To run it: ``pip install . scikit-image`` in a copy of the repository.
"""

import edcurve as ed
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter
from scipy.stats import entropy
from skimage import data

# %%
# The slide
# ---------
# Pixels are in [0, 1]. The photograph is blurred by a pixel, so that splines interpolate well. A window x is divided by
# the root of its number of pixels. Then ‖x − y‖² is the mean squared error of a pixel, and the PSNR is −10 log₁₀ D.

SIZE, PER_PIXEL = 32, 16
ROW, START, END = 80, 205, 305  # of the centre of the window
photo = gaussian_filter(data.camera() / 255.0, 1.0)
spline = spline_filter(photo, order=3)

offset = np.arange(SIZE) - (SIZE - 1) / 2
dy, dx = (axis.ravel() for axis in np.meshgrid(offset, offset, indexing="ij"))
centre = np.arange(START, END, 1 / PER_PIXEL)
columns = centre[:, None] + dx
x = map_coordinates(spline, [np.broadcast_to(ROW + dy, columns.shape), columns], order=3, prefilter=False) / SIZE


def show(ax, vector, title=""):
    """Draw a window as a picture."""
    ax.imshow(vector.reshape(SIZE, SIZE) * SIZE, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, fontsize=10)
    ax.axis("off")


fig, axes = plt.subplot_mosaic(
    [["photo", 0, 1, 2], ["photo", 3, 4, 5]], figsize=(9, 3.8), width_ratios=(2, 1, 1, 1), layout="constrained"
)
axes["photo"].imshow(photo[:260, 130:390], cmap="gray", extent=(130, 390, 260, 0))
for column, color in [(START, "C1"), (END, "C0")]:
    corner = (column - SIZE / 2, ROW - SIZE / 2)
    axes["photo"].add_patch(plt.Rectangle(corner, SIZE, SIZE, fill=False, color=color, lw=2))
axes["photo"].annotate("", (END - 18, ROW), (START + 18, ROW), arrowprops={"arrowstyle": "->", "color": "C3", "lw": 2})
axes["photo"].axis("off")
for i, place in enumerate(np.linspace(0, len(x) - 1, 6).astype(int)):
    show(axes[i], x[place], f"centre at {centre[place]:.0f} px")

# %%
# Not stationary, and refused
# ---------------------------
# On a stationary curve the distance between two windows depends on their offset alone. ``from_samples`` measures how
# far this curve is from that, and refuses it.

try:
    ed.Source.from_samples(x, closed=False)
except ValueError as refusal:
    print(str(refusal).rpartition(", but ")[2])

# %%
# The optimum over contiguous partitions
# --------------------------------------
# ``ed.segment`` minimises H + λD over all partitions of these points into runs of neighbours. For each λ the result is
# exact: the global optimum up to rounding (``gap`` is 0). It is a point of the lower convex hull of what contiguous
# partitions attain. It is not known whether partitions with cells of several runs are better. So for the least entropy
# over all codes, these points are an upper bound.

energy = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
energy = energy[energy > 1e-12 * energy[0]]
D_max = energy.sum()
best = ed.segment(x, np.geomspace(1, 3000, 24) / D_max)
print(best.to_pandas().iloc[::4].to_string(index=False, float_format="{:.4g}".format))

# %%
# The linear bound
# ----------------
# Reverse water-filling of the sample covariance gives the rate-distortion function of the Gaussian of that covariance:
# Σ ½ log₂(σᵢ²/θ) over the eigenvalues above the water level θ, at D = Σ min(σᵢ², θ). It bounds Shannon's R(D) of these
# windows from above; a code of single windows may be on either side of it.
#
# We also build a linear code. It rounds KLT coefficients to equal steps, codes them one by one, and decodes each to the
# mean of its step. Its entropy is the sum of theirs. Here it does better than on a Gaussian, because coefficients that
# hardly move in the sky are cheap to code. But it cannot use that a single number determines them all.

level = np.geomspace(1e-5, 1, 200) * energy[0]
klt_error = np.minimum(energy, level[:, None]).sum(axis=1)
klt_bits = 0.5 * np.log2(np.maximum(energy / level[:, None], 1)).sum(axis=1)

mean = x.mean(axis=0)
coefficients = (x - mean) @ np.linalg.svd(x - mean, full_matrices=False)[2].T


def linear_code(step):
    """Return measured distortion and entropy in bits of coefficients rounded to multiples of a step."""
    bits, error = 0.0, np.sum(coefficients**2)
    for values in coefficients.T[np.abs(coefficients).max(axis=0) > step / 2]:
        _, index, count = np.unique(np.rint(values / step), return_inverse=True, return_counts=True)
        bits += entropy(count, base=2)
        error -= np.sum(np.bincount(index, values) ** 2 / count)
    return error / len(x), bits


linear_error, linear_bits = np.array([linear_code(step) for step in np.geomspace(0.01, 1, 24) * np.sqrt(D_max)]).T

# %%
# The figure also shows equal cells: K stretches of the slide of the same length, in log₂ K bits.


def equal_cells(count):
    """Return distortion and entropy in bits of a partition into cells of sizes as equal as possible."""
    cells = np.array_split(x, count)
    sizes = np.array([len(cell) for cell in cells])
    return sum(np.sum((cell - cell.mean(axis=0)) ** 2) for cell in cells) / len(x), entropy(sizes, base=2)


equal_error, equal_bits = np.array([equal_cells(2**i) for i in range(9)]).T

fig, ax = plt.subplots(figsize=(7.5, 5), layout="constrained")
ax.plot(klt_error, klt_bits, color="C5", label="KLT bound: R(D) of the Gaussian")
ax.plot(linear_error, linear_bits, "k.", label="a linear code: KLT, rounded; measured")
ax.plot(equal_error[1:], equal_bits[1:], "s--", color="C2", ms=4, lw=1, label="equal cells: exact")
several = best.cells > 1
ax.plot(best.distortion[several], best.entropy[several], "o-", color="C0", ms=4, label="best contiguous cells: exact")
ax.set(xscale="log", yscale="log", xlim=(D_max / 1000, D_max), ylim=(0.5, 500))
ax.set(xlabel="Distortion D (mean squared error)", ylabel="bits")
ax.set_yticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
psnr = np.arange(5 * np.ceil(-2 * np.log10(D_max)), 30 - 10 * np.log10(D_max), 5)
ax.secondary_xaxis("top").set_xticks(10 ** (-psnr / 10), [f"{value:.0f} dB" for value in psnr])
ax.legend(frameon=False)

# %%
# The table compares bits at the same distortion. Between the points it interpolates linearly over log D:


def bits_at(distortion, D, bits):
    """Interpolate; np.interp wants increasing abscissae."""
    order = np.argsort(D)
    return np.interp(np.log(distortion), np.log(D[order]), bits[order])


print(f"{'D / D_max':>9} {'PSNR, dB':>9} {'optimal':>9} {'equal':>9} {'KLT bound':>10} {'linear code':>12}")
for share in (0.3, 0.1, 0.03, 0.01, 0.003):
    D = share * D_max
    codes = [
        (best.distortion, best.entropy),
        (equal_error, equal_bits),
        (klt_error, klt_bits),
        (linear_error, linear_bits),
    ]
    optimal, equal, klt, linear = (bits_at(D, *code) for code in codes)
    print(f"{share:9g} {-10 * np.log10(D):9.1f} {optimal:9.2f} {equal:9.2f} {klt:10.2f} {linear:12.2f}")

# %%
# Where the cells are
# -------------------
# The optimum cuts where the picture changes. The figure shows the speed of the curve, and the boundaries of the
# cells for three λ. They are close together while the edge crosses the window, and far apart in the sky. There one
# index says "sky"; it is sent often, so it costs few bits. The pictures are the centroids of the second of the three
# codes, with the length of each cell and the cost of its index.

speed = np.linalg.norm(np.diff(x, axis=0), axis=1) * PER_PIXEL
chosen = [np.argmin(np.abs(best.cells - count)) for count in (6, 14, 40)]
fig, (top, bottom) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
top.plot(centre[:-1], speed, color="C3")
top.set(ylabel="RMS change of a pixel\nper pixel of slide", ylim=(0, None))
for i, index in enumerate(chosen):
    bottom.vlines(np.append(centre[best.boundaries[index]], END), i - 0.35, i + 0.35, color="C0", lw=1.2)
    bottom.hlines(i, START, END, color="C0", lw=0.5)
names = [
    f"{best.cells[i]} cells\n{best.entropy[i]:.2f} bits\n{-10 * np.log10(best.distortion[i]):.1f} dB" for i in chosen
]
bottom.set_yticks(range(3), names)
bottom.set(xlabel="centre of the window (column of the photograph)", xlim=(START - 1, END + 1), ylim=(2.6, -0.6))
top.set_title("Cell boundaries of the optimum (exact, over contiguous partitions)", fontsize=11)

middle = chosen[1]
widths = PER_PIXEL**-1 * len(x) * best.probabilities[middle]
fig, axes = plt.subplots(2, 7, figsize=(10, 3.8), layout="constrained")
for ax in axes.flat:
    ax.axis("off")
for ax, centroid, width, p in zip(axes.flat, best.centroids[middle], widths, best.probabilities[middle], strict=False):
    show(ax, centroid, f"{width:.1f} px\n{-np.log2(p):.1f} bits")

plt.show()  # run as a script, this shows the pictures
