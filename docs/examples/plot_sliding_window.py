"""
A window that slides across an edge
===================================

A window slides over a photograph in steps of a fraction of a pixel, from hair into the sky. Again one real number is
behind a thousand pixels, but now the curve is open and far from stationary: crossing the edge changes every picture,
sliding on through the sky changes none. E(D) by formula does not apply. Dynamic programming does.
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
# Pixels are in [0, 1], blurred by a pixel so that splines can tell what is between them. A window x is divided by the
# root of its number of pixels: ‖x − y‖² is the mean squared error of a pixel, and the PSNR is −10 log₁₀ D.

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
for i, at in enumerate(np.linspace(0, len(x) - 1, 6).astype(int)):
    show(axes[i], x[at], f"centre at {centre[at]:.0f} px")

# %%
# Not stationary, and refused
# ---------------------------
# ``from_samples`` measures how far the distance between two windows is from depending on their offset alone.

try:
    ed.Source.from_samples(x, closed=False)
except ValueError as refusal:
    print(refusal)

# %%
# The optimum over contiguous partitions
# --------------------------------------
# ``ed.segment`` minimises H + λD over all partitions of these points into runs of neighbours. For each λ what it finds
# is exact, the global optimum up to rounding (``gap`` is 0), and a point of the lower convex hull of what contiguous
# partitions can do. Whether a partition with cells of several runs could be better is not known: to the least entropy
# over all codes, these points are a bound from above.

energy = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
energy = energy[energy > 1e-12 * energy[0]]
D_max = energy.sum()
found = ed.segment(x, np.geomspace(1, 3000, 24) / D_max)
print(found.to_pandas().iloc[::4].to_string(index=False, float_format="{:.4g}".format))

# %%
# The linear bound
# ----------------
# Reverse water-filling of the sample covariance gives the rate-distortion function of the Gaussian of that covariance:
# Σ ½ log₂(σᵢ²/θ) over the eigenvalues above the water level θ, at D = Σ min(σᵢ², θ). It is a bound above Shannon's R(D)
# of these windows; a code of single windows may be on either side of it.
#
# A linear code is built, too: KLT coefficients are rounded to equal steps, coded one by one, and decoded to the mean of
# each step; its entropy is the sum of theirs. It does better here than on a Gaussian, because coefficients that hardly
# move in the sky are cheap to code. What it cannot use is that a single number is behind them all.

level = np.geomspace(1e-5, 1, 200) * energy[0]
klt_error = np.minimum(energy, level[:, None]).sum(axis=1)
klt_bits = 0.5 * np.log2(np.maximum(energy / level[:, None], 1)).sum(axis=1)

mean = x.mean(axis=0)
coefficients = (x - mean) @ np.linalg.svd(x - mean, full_matrices=False)[2].T


def linear_code(step):
    """Distortion and entropy in bits, as measured, of coefficients rounded to multiples of a step."""
    bits, error = 0.0, np.sum(coefficients**2)
    for values in coefficients.T[np.abs(coefficients).max(axis=0) > step / 2]:
        _, index, count = np.unique(np.rint(values / step), return_inverse=True, return_counts=True)
        bits += entropy(count, base=2)
        error -= np.sum(np.bincount(index, values) ** 2 / count)
    return error / len(x), bits


linear_error, linear_bits = np.array([linear_code(step) for step in np.geomspace(0.01, 1, 24) * np.sqrt(D_max)]).T

# %%
# Equal cells are drawn, too: K stretches of the slide of the same length, in log₂ K bits.


def equal_cells(count):
    """Distortion and entropy in bits of a partition into cells as equal as can be."""
    cells = np.array_split(x, count)
    sizes = np.array([len(cell) for cell in cells])
    return sum(np.sum((cell - cell.mean(axis=0)) ** 2) for cell in cells) / len(x), entropy(sizes, base=2)


equal_error, equal_bits = np.array([equal_cells(2**i) for i in range(9)]).T

fig, ax = plt.subplots(figsize=(7.5, 5), layout="constrained")
ax.plot(klt_error, klt_bits, color="C5", label="KLT bound: R(D) of the Gaussian")
ax.plot(linear_error, linear_bits, "k.", label="a linear code: KLT, rounded; measured")
ax.plot(equal_error[1:], equal_bits[1:], "s--", color="C2", ms=4, lw=1, label="equal cells: exact")
several = found.cells > 1
ax.plot(found.distortion[several], found.entropy[several], "o-", color="C0", ms=4, label="best contiguous cells: exact")
ax.set(xscale="log", yscale="log", xlim=(D_max / 1000, D_max), ylim=(0.5, 500))
ax.set(xlabel="Distortion D (mean squared error)", ylabel="bits")
ax.set_yticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
psnr = np.arange(5 * np.ceil(-2 * np.log10(D_max)), 30 - 10 * np.log10(D_max), 5)
ax.secondary_xaxis("top").set_xticks(10 ** (-psnr / 10), [f"{value:.0f} dB" for value in psnr])
ax.legend(frameon=False)

# %%
# Bits at the same distortion, between the points on straight lines over log D:


def bits_at(distortion, D, bits):
    """Interpolate; np.interp wants increasing abscissae."""
    order = np.argsort(D)
    return np.interp(np.log(distortion), np.log(D[order]), bits[order])


print(f"{'D / D_max':>9} {'PSNR, dB':>9} {'optimal':>9} {'equal':>9} {'KLT bound':>10} {'linear code':>12}")
for share in (0.3, 0.1, 0.03, 0.01, 0.003):
    D = share * D_max
    codes = [
        (found.distortion, found.entropy),
        (equal_error, equal_bits),
        (klt_error, klt_bits),
        (linear_error, linear_bits),
    ]
    optimal, equal, klt, linear = (bits_at(D, *code) for code in codes)
    print(f"{share:9g} {-10 * np.log10(D):9.1f} {optimal:9.2f} {equal:9.2f} {klt:10.2f} {linear:12.2f}")

# %%
# Where the cells are
# -------------------
# The optimum cuts where the picture changes. Below, the speed of the curve, and for three λ the boundaries of the
# cells: close together while the edge crosses the window and far apart in the sky, where one index says "sky" and,
# being sent often, costs few bits. The pictures are the centroids of the second of the three codes, with
# the length of each cell and what its index costs.

speed = np.linalg.norm(np.diff(x, axis=0), axis=1) * PER_PIXEL
chosen = [np.argmin(np.abs(found.cells - wanted)) for wanted in (6, 14, 40)]
fig, (top, bottom) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
top.plot(centre[:-1], speed, color="C3")
top.set(ylabel="RMS change of a pixel\nper pixel of slide", ylim=(0, None))
for i, one in enumerate(chosen):
    bottom.vlines(np.append(centre[found.boundaries[one]], END), i - 0.35, i + 0.35, color="C0", lw=1.2)
    bottom.hlines(i, START, END, color="C0", lw=0.5)
names = [
    f"{found.cells[i]} cells\n{found.entropy[i]:.2f} bits\n{-10 * np.log10(found.distortion[i]):.1f} dB" for i in chosen
]
bottom.set_yticks(range(3), names)
bottom.set(xlabel="centre of the window (column of the photograph)", xlim=(START - 1, END + 1), ylim=(2.6, -0.6))
top.set_title("Cell boundaries of the optimum (exact, over contiguous partitions)", fontsize=11)

middle = chosen[1]
widths = PER_PIXEL**-1 * len(x) * found.probabilities[middle]
fig, axes = plt.subplots(2, 7, figsize=(10, 3.8), layout="constrained")
for ax in axes.flat:
    ax.axis("off")
for ax, centroid, width, p in zip(
    axes.flat, found.centroids[middle], widths, found.probabilities[middle], strict=False
):
    show(ax, centroid, f"{width:.1f} px\n{-np.log2(p):.1f} bits")

plt.show()  # run as a script, this shows the pictures
