"""
Certify a value
===============

How much can a computed E(D) be trusted? The package gives four answers that share little or
no code: the formula in double precision, an enclosure proved in ball arithmetic, linear and
integer programs solved by general solvers, and a search that knows nothing of the theorem.
"""

import edcurve as ed
import matplotlib.pyplot as plt
import numpy as np

# %%
# An enclosure
# ------------
# ``ed.certify`` (extra ``certificate``) proves, with every rounding error accounted for, that
# E(D) is between two numbers, and says how.

D = 0.01
proof = ed.certify("ramp", D)
print(f"{proof.lower!r} <= E({D}) <= {proof.upper!r}")
print(proof.method.replace("★", "*"))  # not every terminal has a star
print(f"{proof.count} equal cells and one of size {proof.odd[0]!r}")
value = ed.entropy_distortion("ramp", D)
print("the formula in double precision:", value, "in it:", proof.contains(value))

# %%
# In a notebook a certificate shows itself as a table.
#
# It also decides where doubles hardly can. E(D) is vertical on the left of the distortion of
# K equal cells: D less by one unit in its last place, and there is a fifth cell, if a very
# small one.

at = 4 * ed.Ramp().cell_distortion(1 / 4)
near = {"one less": np.nextafter(at, 0), "four cells": at, "one more": np.nextafter(at, 1)}
for name, distortion in near.items():
    one = ed.certify("ramp", distortion)
    cells = f"{one.count} cells, one of {one.odd[0]:.2g}"
    print(f"{name:10} {one.lower:.16f} to {one.upper:.16f}: {cells}")

# %%
# Your own spectrum
# -----------------
# For finitely many harmonics the condition behind the formula, (★) of :doc:`/theorem`, is
# proved, too, or refuted.
# Here it holds, so that the enclosure is tight:

mild = ed.Source.from_spectrum([1.0, 0.0, 0.05], name="circle with a ripple")
found = ed.certificate.verify_condition(mild)
print("the condition holds:", found.holds, "-", found.method)
proof = ed.certify(mild, 0.2)
print(f"{proof.lower:.15f} to {proof.upper:.15f}:", proof.method.replace("★", "*"))

# %%
# And here it does not. The best partition is no longer two kinds of cells,
# ``entropy_distortion`` refuses, and the certificate encloses E(D) between the dual bound and
# the entropy of a partition whose distortion is proved:

steep = ed.Source.from_spectrum(0.5 ** np.arange(1, 51), name="c_k = 1/2^k")
found = ed.certificate.verify_condition(steep)
print("the condition holds:", found.holds, "- not at the sizes", np.round(found.witness, 4))
proof = ed.certify(steep, 0.7552236)
print(f"{proof.lower:.6f} to {proof.upper:.6f}: {proof.method}")
print("sizes of its cells:", np.round(proof.cells, 4))

# %%
# Independent opinions
# --------------------
# ``ed.relaxation`` (extra ``relaxation``) hands the same problem to cvxpy. Of the source it
# sees d(p) and nothing else. The measure LP is a lower bound on every partition; the integer
# program encloses E(D) on a grid of sizes; the convex–concave procedure finds a partition.

D = 0.2
lp = ed.relaxation.measure_lp("circle", D)
program = ed.relaxation.integer_program("circle", D, grid=60)
local = ed.relaxation.convex_concave("circle", D, starts=8)
search = ed.search.minimise_entropy(ed.Circle().cell_distortion, D)
rows = {
    "certificate, from below": ed.certify("circle", D).lower,
    "certificate, from above": ed.certify("circle", D).upper,
    "formula": ed.entropy_distortion("circle", D),
    "search": search.entropy / np.log(2),
    "convex-concave (Clarabel)": local.entropy,
    "integer program, from above": program.entropy,
    "integer program, from below": program.lower,
    "measure LP (HiGHS)": lp.value,
    "dual bound, closed form": ed.lower_bound("circle", D),
}
for name, value in rows.items():
    print(f"{name:28} {value:.12f} bits")

# %%
# The formula, the search and the procedure agree; the others are on the side that they should
# be.

fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
names = list(rows)[::-1]
ax.plot([rows[name] for name in names], names, "o", color="C0")
ax.axvline(rows["formula"], color="0.7", lw=1, zorder=0)
ax.set(xlabel=f"bits, circle at D = {D}")

# %%
# The theorem itself
# ------------------
# That the best partition is biuniform is a theorem, and for the circle a computer took part
# in its proof. The certificate ships, and its checker shares no code with what wrote it.
# :doc:`/theorem` has the argument; ``python -m edcurve.certificate.check`` runs it in a
# second.

plt.show()  # run as a script, this shows the picture
