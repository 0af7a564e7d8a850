"""
Reproduce the paper
===================

Figures 1 to 4 of *Do Neural Networks Compress Manifolds Optimally?*, from results that come
with the package, and one small compressor trained here and now.
"""

import io

import edcurve as ed
import edcurve_neural as edn
import matplotlib.pyplot as plt
from edcurve_neural import figures
from edcurve_neural.figures import phases, tradeoffs

# %%
# What ships
# ----------
# ``load`` reads a table of trained compressors, one row a run, codewords of some of them, and
# how all was made. No PyTorch is needed for that. ``edcurve figures`` on the command line
# writes all figures into a folder.

trained = figures.load()
runs = trained.runs
print(f"{len(runs)} runs; of each source:", runs["source"].value_counts().to_dict())
print("steps, and how many runs:", runs["steps"].value_counts().to_dict())
groups = runs.groupby(["source", "latent_dim", "batch_size"])
print(groups["lmbda"].agg(["count", "min", "max"]).to_string())

# %%
# Figures come as Matplotlib's, made without pyplot so that they need no display. A notebook
# shows one that is the last line of a cell; here, pyplot is given its picture.


def show(figure):
    """Show a figure that was made without pyplot."""
    figure.savefig(picture := io.BytesIO(), dpi=200)
    picture.seek(0)
    ax = plt.figure(figsize=figure.get_size_inches()).add_axes((0, 0, 1, 1))
    ax.imshow(plt.imread(picture))
    ax.set_axis_off()


# %%
# The schedule is shortened, to a twentieth of that of the authors' public code for most runs,
# and every figure says so in its title. :doc:`/neural` says what that changes.
#
# Figure 1: the ramp
# ------------------
# At low rate the networks are close to the optimum. At high rate they are not, and small
# batches are worse.

show(tradeoffs.trade_off(runs, "ramp"))

# %%
# Figure 2: what the ramp's compressor does
# -----------------------------------------
# Codeword and reconstruction against the phase, at λ = 48 and at λ = 4096.

show(phases.ramp(runs, trained.codewords))

# %%
# Figure 3: the circle
# --------------------

show(tradeoffs.trade_off(runs, "circle"))

# %%
# Figure 4: what the circle's compressor does
# -------------------------------------------
# Every codeword of a single latent is used on two branches, a shallow one and a steep one,
# because a loop does not fit into a line without a seam.

show(phases.circle(runs, trained.codewords))

# %%
# Where the gap is
# ----------------
# The excess over the least H + λD is the sum of three parts. The circle's is in its encoder
# (the partition); the ramp's, with one latent, is mostly in its decoder.

one = figures.parts(runs).xs(1, level="latent_dim").droplevel("batch_size")
shares = one[["entropy_model", "decoder", "partition"]].div(one["excess"], axis=0)
print(shares.loc[[("circle", 512.0), ("ramp", 4096.0)]].map("{:.0%}".format).to_string())

# %%
# Train one
# ---------
# The same network for the circle at λ = 4, two latents, with a larger learning rate and a
# thousand steps instead of 200 000. That takes a few seconds. A seed gives the same weights
# whenever it is run on the same machine.

config = edn.Config(
    "circle", lmbda=4.0, latent_dim=2, batch_size=128, steps=1000, learning_rate=0.01, seed=0
)
run = edn.train(config, progress=False)
found = run.evaluate()
excess, optimum = found.excess(4.0), found.optimum(4.0)
print(f"{run.status}: rate {found.rate:.4f}, distortion {found.distortion:.5f}")
print(f"excess {excess:.4f} bits, {100 * excess / optimum:.1f} % of the optimum {optimum:.4f}")
print(found.decomposition(4.0))

# %%
# At this low rate the network finds the optimal code, four quadrants; what is left is the
# entropy model, which with more steps learns that the four are equally likely.

fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.plot(
    run.history["step"],
    run.history["rate"] + 4.0 * run.history["distortion"],
    label="training: rate + 4 D, soft rounding and noise",
)
ax.axhline(
    ed.lagrangian("circle", 4.0).value,
    color="k",
    ls="--",
    lw=1,
    label="least H + 4 D of any code",
)
ax.plot(
    config.steps,
    found.rate + 4.0 * found.distortion,
    "D",
    color="C1",
    label="evaluated: hard rounding",
)
ax.set(xlabel="step", ylabel="bits", ylim=(2, 6))
ax.legend(frameon=False)

# %%
# More of them
# ------------
# ``edn.sweep`` trains many at once into a folder, and goes on where it was killed:
#
# .. code-block:: python
#
#    configs = edn.grid("circle", lmbda=[4.0, 32.0, 512.0], latent_dim=[1, 2], steps=10_000)
#    edn.sweep(configs, store="DIR").to_pandas()
#
# Everything drawn above, from your own runs: ``edcurve figures --runs DIR --out figures``.
# The commands that made the results that ship:

for command in trained.provenance["commands"]:
    print(command)

plt.show()  # run as a script, this shows the pictures
