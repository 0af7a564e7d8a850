"""
A photograph, turned
====================

Turn a patch of a photograph about its centre. Thousands of pixels change, but a single real number, the angle,
determines them. How many bits does such a patch need at a given squared error? How many does a linear transform need?

The patches of all angles are a closed curve in pixel space. This page measures the curve and asks whether its
entropy-distortion function E(D) is known exactly. Then it compares E(D) with the linear (KLT) bound.

To run it: ``pip install . scikit-image`` in a copy of the repository.
"""

import edcurve as ed
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import map_coordinates, spline_filter
from scipy.stats import entropy
from skimage import data

# %%
# The patch
# ---------
# The photograph is the cameraman of scikit-image, with pixels in [0, 1]. A round mask fades out smoothly, so that no
# corner enters or leaves: turning a patch by an angle and back changes nothing. Cubic splines interpolate.
#
# A patch x is divided by the root of the sum of the squared mask. Then ‖x − y‖² is the mean squared error of a pixel
# (weighted by the squared mask), and the PSNR is −10 log₁₀ D.

SIZE, ANGLES = 64, 720
photo = data.camera() / 255.0
spline = spline_filter(photo, order=3)

offset = np.arange(SIZE) - (SIZE - 1) / 2
dy, dx = np.meshgrid(offset, offset, indexing="ij")
radius = np.hypot(dy, dx) / (SIZE / 2)
mask = np.where(radius < 0.75, 1.0, np.cos(2 * np.pi * np.clip(radius - 0.75, 0, 0.25)) ** 2)
disc = mask > 1e-6
scale = np.sqrt(np.sum(mask[disc] ** 2))


def turned(row, column, angles=ANGLES):
    """Patches about a pixel at equally spaced angles, shape (angles, pixels of the disc)."""
    angle = 2 * np.pi * np.arange(angles)[:, None] / angles
    rows = row + np.cos(angle) * dy[disc] - np.sin(angle) * dx[disc]
    columns = column + np.sin(angle) * dy[disc] + np.cos(angle) * dx[disc]
    return map_coordinates(spline, [rows, columns], order=3, prefilter=False) * mask[disc] / scale


def show(ax, vector, title=""):
    """Draw a patch as a picture."""
    picture = np.full((SIZE, SIZE), np.nan)
    picture[disc] = vector * scale
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, fontsize=10)
    ax.axis("off")


HAIR, FINDER = (80, 240), (160, 295)  # hair against the sky; the finder of the camera
x = turned(*HAIR)

fig, axes = plt.subplot_mosaic(
    [["photo", 0, 1, 2], ["photo", 3, 4, 5]], figsize=(9, 3.8), width_ratios=(2, 1, 1, 1), layout="constrained"
)
axes["photo"].imshow(photo, cmap="gray")
for (row, column), color, name in [(HAIR, "C1", "hair"), (FINDER, "C0", "finder")]:
    axes["photo"].add_patch(plt.Circle((column, row), SIZE / 2, fill=False, color=color, lw=2))
    axes["photo"].text(column + 36, row - 14, name, color=color, fontsize=12, weight="bold")
axes["photo"].axis("off")
for i in range(6):
    show(axes[i], x[120 * i], f"{60 * i}°")

# %%
# Is it a source whose optimum is known?
# --------------------------------------
# It is if ‖γ(v) − γ(v + u)‖² depends on u alone. For a rotation this holds, except for errors of interpolation
# between pixels, which ``defect`` measures. ``status`` says whether E(D) is exact. Two conditions are checked. The
# distance must grow all the way up to half a turn; then intervals are the best cells. And a condition on three cells
# must hold; it is checked on a grid, not proved.

source = ed.Source.from_samples(x, name="hair, turned")
print(f"defect {source.defect:.1e}: distances depend on the angle between two patches, to that share of their mean")
print(f"status: {source.status}; distance grows up to half a turn: {source.monotone}")
print(f"D_max = {source.max_distortion:.4f}, which is {-10 * np.log10(source.max_distortion):.1f} dB")

# %%
# The energies c_k of the harmonics k describe a loop. Each harmonic takes two dimensions of the linear transform.

share = source.energies / source.max_distortion
for part in (0.9, 0.99, 0.999):
    dimensions = 2 * (np.searchsorted(np.cumsum(np.sort(share)[::-1]), part) + 1)
    print(f"{dimensions:3d} dimensions hold {part:.1%} of the energy")

fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
k = np.arange(1, 41)
ax.bar(k, share[k - 1], color="C1")
ax.set(yscale="log", xlabel="harmonic k", ylabel="share of the energy, $c_k / D_{max}$", xlim=(0.3, 40.7))
ax.set_title("One angle, many dimensions (measured)")

# %%
# E(D) against the linear bound
# -----------------------------
# The KLT bound is the rate-distortion function of the Gaussian of the same covariance, by reverse water-filling. Linear
# transforms that know only the covariance can promise no more. It bounds Shannon's R(D) of this source from above;
# E(D) of a single patch may be on either side of it.
#
# We also build a linear code. It rounds KLT coefficients to equal steps, codes them one by one, and decodes each to the
# mean of its step. Its entropy is the sum of those of the coefficients, measured over the angles above.

mean = x.mean(axis=0)
basis = np.linalg.svd(x - mean, full_matrices=False)[2]
coefficients = (x - mean) @ basis.T


def linear_code(step):
    """Return the entropy in bits and the decoded coefficients, each rounded to multiples of a step."""
    bits, decoded = 0.0, np.zeros_like(coefficients)
    for i in np.flatnonzero(np.abs(coefficients).max(axis=0) > step / 2):
        _, index, count = np.unique(np.rint(coefficients[:, i] / step), return_inverse=True, return_counts=True)
        bits += entropy(count, base=2)
        decoded[:, i] = (np.bincount(index, coefficients[:, i]) / count)[index]
    return bits, decoded


def error(decoded):
    """Return the mean squared error of decoded coefficients."""
    return np.mean(np.sum((coefficients - decoded) ** 2, axis=1))


linear = [linear_code(step) for step in np.geomspace(0.012, 1.2, 24) * np.sqrt(source.max_distortion)]
linear_bits, linear_error = np.array([(bits, error(decoded)) for bits, decoded in linear]).T
D = np.geomspace(1e-3, 1, 161) * source.max_distortion
curve = ed.curve(source, D, gaussian=True, shannon=True, width=4)

ax = curve.plot()
ax.set_ylim(0, 8)

# %%
# E(D) and its hull are exact as far as the check on a grid goes; R(D) and the dual bound are below them. The dotted
# vertical line is the *rank floor*: a decoder whose last layer is four wide cannot pass to the left of it, with any
# number of bits. The KLT bound leaves the picture. On logarithmic axes it fits, together with the linear code:


def compare(ax):
    """Logarithmic axes, with the PSNR above."""
    ax.set(xscale="log", yscale="log", ylim=(0.5, 700), xlabel="Distortion D (mean squared error)", ylabel="bits")
    ax.set_yticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    low, high = np.sort(-10 * np.log10(ax.get_xlim()))
    psnr = np.arange(5 * np.ceil(low / 5), high, 5)
    ax.secondary_xaxis("top").set_xticks(10 ** (-psnr / 10), [f"{value:.0f} dB" for value in psnr])
    ax.legend(frameon=False)


fig, ax = plt.subplots(figsize=(7.5, 5), layout="constrained")
ax.plot(D, curve.gaussian, color="C5", label="KLT bound: R(D) of the Gaussian")
ax.plot(linear_error, linear_bits, "k.", label="a linear code: KLT, rounded; measured")
ax.plot(D, curve.entropy, color="C0", lw=2, label=f"E(D): {curve.status}")
ax.plot(D, curve.shannon, color="C4", ls="-.", label="Shannon's R(D): a bound from below")
ax.set_xlim(D[0], D[-1])
compare(ax)

# %%
# A code must convey one number. With K equal cells that costs log₂ K bits. Once cells are small, one more bit halves
# them and gains 6 dB. For a linear transform, 6 dB cost one bit for *every* dimension above the water level, and more
# dimensions rise above it as D falls.

print("     D       E(D)     KLT bound     for the next 6 dB: E(D)     KLT bound")
for level in source.max_distortion * np.array([0.3, 0.1, 0.03, 0.01, 4e-3]):
    ours = ed.entropy_distortion(source, [level, level / 4])
    klt = ed.gaussian_bound(source, [level, level / 4])
    print(f"{level:.5f} {ours[0]:8.2f} {klt[0]:10.2f} {np.diff(ours)[0]:22.2f} {np.diff(klt)[0]:16.2f}   bits")

# %%
# What the bits buy
# -----------------
# The optimal code with K cells sends one of K arcs of the circle, in log₂ K bits. The decoder shows the mean of the
# patches of that arc, which is blurred along the turn. Below are patches, and their reconstructions by the optimal
# codes of 3 and of 5 bits. The last row is the cheapest of the linear codes above that has at least 5 bits.

phases = np.arange(6) / 6 + 0.04
rows = [("patch", x[np.rint(phases * ANGLES).astype(int)], 0.0)]
for cells in (8, 32):
    code = ed.quantizer(source, cells * source.cell_distortion(1 / cells))
    rows.append((f"optimal\n{code.entropy:.1f} bits", code.decode(code.encode(phases)), code.distortion))
best = np.argmin(np.where(linear_bits >= 5, linear_bits, np.inf))
decoded = mean + linear[best][1][np.rint(phases * ANGLES).astype(int)] @ basis
rows.append((f"linear\n{linear_bits[best]:.1f} bits", decoded, linear_error[best]))

fig, axes = plt.subplots(4, 6, figsize=(9, 6.6), layout="constrained")
for line, (name, patches, distortion) in zip(axes, rows, strict=True):
    for ax, patch in zip(line, patches, strict=True):
        show(ax, patch)
    psnr = f"\n{-10 * np.log10(distortion):.1f} dB" if distortion else ""
    line[0].text(-0.15, 0.5, name + psnr, transform=line[0].transAxes, ha="right", va="center", fontsize=11)

# %%
# A second opinion
# ----------------
# ``ed.segment`` does not assume that the curve is stationary. From the points alone it finds, by dynamic programming,
# the partition into runs of consecutive angles with the least H + λD. For these finitely many points this is exact.
# They are a slightly easier source than the loop through them: a short arc of n points has about 1 − 1/n² of the
# distortion.

lmbda = np.array([4, 16, 64]) / source.max_distortion
best_cells = ed.segment(x[::2], lmbda, closed=True)
print(" lambda D_max  cells: points, loop         least value: points, loop")
for i, multiplier in enumerate(lmbda):
    loop = ed.lagrangian(source, multiplier)
    cells = f"{best_cells.cells[i]:13d} {loop.cells:6d}"
    print(f"{multiplier * source.max_distortion:13.0f} {cells} {best_cells.value[i]:24.4f} {loop.value:8.4f}   bits")

# %%
# A patch where it is only a bound
# --------------------------------
# The finder is more similar to itself after half a turn than after some smaller angles: the distance does not grow all
# the way. Then distant arcs might share a cell, and nothing here proves that intervals are best. ``curve`` says "upper
# bound": a code with that entropy exists, and no code is below R(D).

y = turned(*FINDER)
other = ed.Source.from_samples(y, name="finder, turned")
bound = ed.curve(other, np.geomspace(3e-3, 1, 61) * other.max_distortion, gaussian=True, shannon=True)
print(f"defect {other.defect:.1e}, status: {other.status}; distance grows up to half a turn: {other.monotone}")

fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
half = ANGLES // 2 + 1
for name, points, color in [("hair", x, "C1"), ("finder", y, "C0")]:
    distance = np.sum((points[:half] - points[0]) ** 2, axis=1)
    ax.plot(360 * np.arange(half) / ANGLES, distance / distance.max(), color=color, label=name)
ax.set_xticks(range(0, 181, 45))
ax.set(xlabel="angle between two patches (degrees)", ylabel="squared distance / its maximum", ylim=(0, 1.05))
ax.set_title("Does the distance grow? (measured)")
ax.legend(frameon=False)

fig, ax = plt.subplots(figsize=(7.5, 5), layout="constrained")
ax.plot(bound.distortion, bound.gaussian, color="C5", label="KLT bound: R(D) of the Gaussian")
ax.plot(bound.distortion, bound.upper, color="C0", lw=2, label="best partition found: a bound from above")
ax.plot(bound.distortion, bound.shannon, color="C4", ls="-.", label="Shannon's R(D): a bound from below")
ax.set_xlim(bound.distortion[0], bound.distortion[-1])
ax.set_title("Finder: E(D) lies between the two lower curves")
compare(ax)

# %%
# The conclusion does not depend on this. The two bounds differ by a fraction of a bit, and the linear bound is far
# above both.

wide = np.max(bound.upper - bound.shannon)
print(f"the two bounds are at most {wide:.2f} bits apart; the KLT bound goes up to {bound.gaussian.max():.0f} bits")

plt.show()  # run as a script, this shows the pictures
