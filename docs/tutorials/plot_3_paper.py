"""
Reproduce the paper
===================

This tutorial draws Figures 1 to 4 of *Do Neural Networks Compress Manifolds Optimally?* from
results that come with the package, and trains one small compressor.

To run it: ``pip install '.[neural]'`` in a copy of the repository (PyTorch first, for your
machine).
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
# ``load`` reads a table of trained compressors with one row for each run, the codewords of some
# of them, and a record of how everything was made. It needs no PyTorch. The command
# ``edcurve figures`` writes all figures into a folder.

trained = figures.load()
runs = trained.runs
print(f"{len(runs)} runs; of each source:", runs["source"].value_counts().to_dict())
print("steps, and how many runs:", runs["steps"].value_counts().to_dict())
groups = runs.groupby(["source", "latent_dim", "batch_size"])
print(groups["lmbda"].agg(["count", "min", "max"]).to_string())

# %%
# The figures are Matplotlib figures made without pyplot, so they need no display. A notebook
# shows a figure that is the last line of a cell. Here, pyplot shows its picture.


def show(figure):
    """Show a figure that was made without pyplot."""
    figure.savefig(picture := io.BytesIO(), dpi=200)
    picture.seek(0)
    ax = plt.figure(figsize=figure.get_size_inches()).add_axes((0, 0, 1, 1))
    ax.imshow(plt.imread(picture))
    ax.set_axis_off()


# %%
# Most runs take 100 000 steps, half of those of the authors' public code; some take 10 000.
# Every figure says so in its title, and :doc:`/neural` says what longer training changes.
#
# Figure 1: the ramp
# ------------------
# The upper row shows rates and distortions. The lower row shows how far rate + λD is above the
# least H + λD. At low rate the networks are close to the optimum. At high rate they are far
# from it.

show(tradeoffs.trade_off(runs, "ramp"))

# %%
# Figure 2: what the ramp's compressor does
# -----------------------------------------
# The figure shows codeword and reconstruction against the phase, at λ = 48 and at λ = 4096.

show(phases.ramp(runs, trained.codewords))

# %%
# Figure 3: the circle
# --------------------

show(tradeoffs.trade_off(runs, "circle"))

# %%
# Figure 4: what the circle's compressor does
# -------------------------------------------
# A compressor with one latent uses almost every codeword on two branches, a shallow one and a
# steep one. A loop does not fit into a line without a seam.

show(phases.circle(runs, trained.codewords))

# %%
# Where the gap is
# ----------------
# The excess over the least H + λD is the sum of three parts. For the circle it is in the
# encoder (the partition). For the ramp with one latent it is in the decoder and in the encoder.

means = figures.parts(runs).xs(1, level="latent_dim").droplevel("batch_size")
shares = means[["entropy_model", "decoder", "partition"]].div(means["excess"], axis=0)
print(shares.loc[[("circle", 512.0), ("ramp", 4096.0)]].map("{:.0%}".format).to_string())

# %%
# Train one
# ---------
# Now we train the same network for the circle at λ = 4, with two latents, a larger learning
# rate and a thousand steps instead of 200 000. This takes a few seconds. On the same machine,
# a seed always gives the same weights.

config = edn.Config(
    "circle", lmbda=4.0, latent_dim=2, batch_size=128, steps=1000, learning_rate=0.01, seed=0
)
run = edn.train(config, progress=False)
result = run.evaluate()
excess, optimum = result.excess(4.0), result.optimum(4.0)
print(f"{run.status}: rate {result.rate:.4f}, distortion {result.distortion:.5f}")
print(f"excess {excess:.4f} bits, {100 * excess / optimum:.1f} % of the optimum {optimum:.4f}")
print(result.decomposition(4.0))

# %%
# At this low rate the network finds the optimal code, four quadrants. Only the entropy model is
# still imperfect. With more steps it learns that the four are equally likely.

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
    result.rate + 4.0 * result.distortion,
    "D",
    color="C1",
    label="evaluated: hard rounding",
)
ax.set(xlabel="step", ylabel="bits", ylim=(2, 6))
ax.legend(frameon=False)

# %%
# Train many
# ----------
# ``edn.sweep`` trains many at once into a folder, and continues where it was killed:
#
# .. code-block:: python
#
#    configs = edn.grid("circle", lmbda=[4.0, 32.0, 512.0], latent_dim=[1, 2], steps=10_000)
#    edn.sweep(configs, store="DIR").to_pandas()
#
# ``edcurve figures --runs DIR --out figures`` draws all these figures from your own runs.
# These commands made the results that come with the package:

for command in trained.provenance["commands"]:
    print(command)

plt.show()  # run as a script, this shows the pictures
