"""
A table of bits per pixel and PSNR
==================================

You have a table: for each of a few codecs, some settings with their bits per pixel and PSNR.
How far is each codec from the optimum, and how sure is that? The table is enough, if the
source is known. No codec has to run again.

To run it: ``pip install '.[report]' scikit-image`` in a copy of the repository.
"""

import shlex
import sys
import tempfile
from contextlib import chdir, redirect_stderr

import edcurve as ed
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from edcurve.cli import main
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter
from skimage import data

# %%
# The source
# ----------
# The codecs compress patches of 16 by 16 pixels of a photograph, turned by random angles.
# ``edcurve`` knows this source from a file of patches at equally spaced angles, one in each
# row. Distances between patches do not depend on how bright 1 is, so pixels may be in [0, 1]
# or 0 … 255.

SIZE = 16
spline = spline_filter(gaussian_filter(data.camera() / 255.0, 1.0))
offset = np.arange(SIZE) - (SIZE - 1) / 2
dy, dx = np.meshgrid(offset, offset, indexing="ij")
mask = np.clip(3 - 6 * np.hypot(dy, dx) / SIZE, 0, 1)  # no corner enters or leaves


def turned(turns):
    """Patches with pixels in [0, 1], one a row; an angle is a number of turns."""
    angle = 2 * np.pi * np.asarray(turns)[:, None, None]
    rows = 80 + np.cos(angle) * dy - np.sin(angle) * dx
    columns = 240 + np.sin(angle) * dy + np.cos(angle) * dx
    patches = map_coordinates(spline, [rows, columns], order=3, prefilter=False) * mask
    return patches.reshape(len(angle), -1)


folder = tempfile.mkdtemp()  # or "." to have the files where you are
loop = turned(np.arange(720) / 720)
np.save(f"{folder}/loop.npy", loop)

# %%
# The table
# ---------
# Yours comes from your experiments. For a real one, let us measure three simple
# codecs on a test set of 2000 patches. ``transform`` rounds coefficients of a linear
# transform (KLT) and codes each with its own table. ``joint`` codes the same numbers with one
# table for all of them together. ``ECVQ`` is entropy-constrained vector quantization.

test = turned(np.random.default_rng(0).random(2000))


def measured(codec, setting, bits, decoded):
    """A row of the table: means over the test set, with intervals of 95 %."""
    error = np.mean((test - decoded) ** 2, axis=1)
    mse, reach = error.mean(), 1.96 * error.std() / np.sqrt(len(test))
    bpp, bpp_reach = bits.mean() / 256, 1.96 * bits.std() / np.sqrt(len(test)) / 256
    psnr, low, high = -10 * np.log10([mse, mse + reach, mse - reach])
    ends = {"psnr_low": low, "psnr_high": high}
    ends |= {"bpp_low": bpp - bpp_reach, "bpp_high": bpp + bpp_reach}
    return {"codec": codec, "setting": setting, "psnr": psnr, "bpp": bpp, **ends}


def rounded(step):
    """Coefficients of the KLT in steps, and what they decode to."""
    mean = loop.mean(axis=0)
    basis = np.linalg.svd(loop - mean, full_matrices=False)[2][:40]
    levels = np.rint((test - mean) @ basis.T / step)
    return levels, mean + step * levels @ basis


def cost(symbols):
    """Bits of each symbol, by a table of their frequencies."""
    _, index, count = np.unique(symbols, axis=0, return_inverse=True, return_counts=True)
    return -np.log2(count / len(symbols))[index.ravel()]


def transform(step):
    """A table for each coefficient."""
    levels, decoded = rounded(step)
    return sum(cost(level) for level in levels.T), decoded


def joint(step):
    """A table for all coefficients together."""
    levels, decoded = rounded(step)
    return cost(levels), decoded


def ecvq(lmbda):
    """A codebook with lengths."""
    code = ed.ecvq(loop, lmbda, codewords=32)
    index = code.encode(test)
    return code.rate(index), code.decode(index)


settings = {
    "transform": (transform, [0.7, 0.9, 1.2, 2.0]),
    "joint": (joint, [0.7, 0.9, 1.2, 2.0]),
    "ECVQ": (ecvq, [1.0, 2.0, 4.0, 8.0]),
}
table = pd.DataFrame(
    measured(codec, setting, *run(setting))
    for codec, (run, listed) in settings.items()
    for setting in listed
)
table.to_csv(f"{folder}/codecs.csv", index=False)
print(table.iloc[:, :4].round(5).to_string(index=False))

# %%
# Columns have the names ``psnr`` and ``bpp``. If yours have others, ``--columns
# codec,setting,psnr,bpp`` says what each is. ``psnr_low``, ``psnr_high``, ``bpp_low`` and
# ``bpp_high`` are the ends of intervals; you may leave these out. The column ``codec`` says
# which rows belong together.
#
# The gap of each setting
# -----------------------
# Type the lines after the dollar signs in a terminal. Here a function runs them. ``--dim
# 256`` says how many numbers a patch has. It turns bits per pixel and PSNR into bits and
# squared errors of whole patches.


def shell(line):
    """Run a command in the folder of the files, and print what it prints."""
    print(f"$ {line}")
    with chdir(folder), redirect_stderr(sys.stdout):
        main(shlex.split(line)[1:], standalone_mode=False)


shell("edcurve excess loop.npy --points codecs.csv --dim 256")

# %%
# The first two lines say how accurately the loop is known. ``excess`` is H − E(D): the bits
# above the least entropy of any code with that distortion. Its interval follows from those of
# the table. If it contains 0, the test set cannot tell the codec from an optimal one.
#
# Each codec as a whole
# ---------------------
# Bjøntegaard's delta compares two curves of points. ``mean-excess`` compares each curve with
# the optimum: it is the mean excess over the distortions that all codecs cover, wherever in
# their intervals the points are. The second line does the same at equal entropy, in dB. Here
# the codecs have few entropies in common, so it covers only the coarse settings.

shell("edcurve mean-excess loop.npy --points codecs.csv --dim 256 --reference hull")
shell(
    "edcurve mean-excess loop.npy --points codecs.csv --dim 256 --over entropy --reference hull"
)

# %%
# A curve joins the points of a codec by straight lines, as if it switched between settings.
# So compare it with the convex hull of E(D), which switching can reach. Without ``--reference
# hull`` a curve of optimal points is a little below E(D) between them. The means of a test set
# are not those of the source, so that a codec near the optimum can also be a little below it.
#
# The reason
# ----------
# The table has no parts, but codecs that differ in one thing tell much. ``transform`` and
# ``joint`` have the same cells and reconstructions, and differ only in how symbols are coded.
# The difference of their means in the first table is the price of treating coefficients one
# by one, in bits. The rest
# of the excess of ``joint`` is due to its cells: cubes in the space of the coefficients cut
# the loop into pieces of unequal length. ``ECVQ`` cuts it well, and has almost no excess.
#
# Would another linear transform do? One that knows only the covariance can promise no less
# than the KLT bound, and that is far above E(D):

source = ed.Source.from_samples(loop, name="loop")
units = ed.Units(256)
D = units.distortion(psnr=[24.0, 26.0, 28.0])
for name, bound in (("KLT bound", ed.gaussian_bound), ("E(D)", ed.entropy_distortion)):
    print(f"{name:9} at 24, 26 and 28 dB:", np.round(bound(source, D), 2), "bits")

# %%
# The picture and the report
# --------------------------
# ``edcurve gap loop.npy --points codecs.csv --dim 256 --out gap.png`` draws this:

ed.plot_gap(source, f"{folder}/codecs.csv", units=units)

# %%
# The report is one HTML file to hand on. It has the picture with values under the pointer,
# and a row for each setting and for each codec. The table may be a data frame, too:
# ``ed.report(source, table, "report.html", units=units)``.

shell("edcurve report loop.npy --points codecs.csv --dim 256 --out report.html")

# %%
# One warning. The PSNR of a test set is that of its mean squared error. A mean of the PSNRs
# of single pictures is larger, and makes a codec look better than it is: :doc:`/choosing`
# explains it.

plt.show()  # run as a script, this shows the picture
