"""
Certify a value
===============

How far can you trust a computed E(D)? The package gives four answers that share little or
no code: the formula in double precision, an enclosure proved in ball arithmetic, linear and
integer programs solved by general solvers, and a search that does not use the theorem.

To run it: ``pip install '.[certificate,relaxation]'`` in a copy of the repository.
"""

import edcurve as ed
import matplotlib.pyplot as plt
import numpy as np

# %%
# An enclosure
# ------------
# ``ed.certify`` (extra ``certificate``) proves that E(D) lies between two numbers, and says
# how. The proof accounts for every rounding error.

D = 0.01
proof = ed.certify("ramp", D)
print(f"{proof.lower!r} <= E({D}) <= {proof.upper!r}")
print(proof.method.replace("★", "*"))  # not every terminal has a star
print(f"{proof.count} equal cells and one of size {proof.odd[0]!r}")
value = ed.entropy_distortion("ramp", D)
print("the formula in double precision:", value, "in it:", proof.contains(value))

# %%
# In a notebook a certificate appears as a table.
#
# A certificate also decides where doubles hardly can. E(D) is vertical just left of the
# distortion of K equal cells. If D is smaller by one unit in its last place, there is a fifth
# cell, although a very small one.

level = 4 * ed.Ramp().cell_distortion(1 / 4)
near = {
    "one less": np.nextafter(level, 0),
    "four cells": level,
    "one more": np.nextafter(level, 1),
}
for name, distortion in near.items():
    proof = ed.certify("ramp", distortion)
    cells = f"{proof.count} cells, one of {proof.odd[0]:.2g}"
    print(f"{name:10} {proof.lower:.16f} to {proof.upper:.16f}: {cells}")

# %%
# Your own spectrum
# -----------------
# For finitely many harmonics, ``verify_condition`` proves or refutes the condition behind the
# formula, (★) of :doc:`/theorem`. Here it holds, so the enclosure is tight:

mild = ed.Source.from_spectrum([1.0, 0.0, 0.05], name="circle with a ripple")
star = ed.certificate.verify_condition(mild)
print("the condition holds:", star.holds, "-", star.method)
proof = ed.certify(mild, 0.2)
print(f"{proof.lower:.15f} to {proof.upper:.15f}:", proof.method.replace("★", "*"))

# %%
# For the next source the condition fails. The best partition is no longer biuniform, and
# ``entropy_distortion`` refuses the source. The certificate encloses E(D) between the dual
# bound and the entropy of a partition whose distortion is proved:

steep = ed.Source.from_spectrum(0.5 ** np.arange(1, 51), name="c_k = 1/2^k")
star = ed.certificate.verify_condition(steep)
print("the condition holds:", star.holds, "- not at the sizes", np.round(star.witness, 4))
proof = ed.certify(steep, 0.7552236)
print(f"{proof.lower:.6f} to {proof.upper:.6f}: {proof.method}")
print("sizes of its cells:", np.round(proof.cells, 4))

# %%
# Independent opinions
# --------------------
# ``ed.relaxation`` (extra ``relaxation``) gives the same problem to cvxpy, which sees only
# d(p). The measure LP is a lower bound for every partition. The integer program encloses E(D)
# on a grid of sizes. The convex–concave procedure finds a partition.

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
# The formula, the search and the convex–concave procedure agree. The other values lie on the
# side where they must be.

fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
names = list(rows)[::-1]
ax.plot([rows[name] for name in names], names, "o", color="C0")
ax.axvline(rows["formula"], color="0.7", lw=1, zorder=0)
ax.set(xlabel=f"bits, circle at D = {D}")

# %%
# The theorem itself
# ------------------
# A theorem says that the best partition is biuniform. For the circle, a computer did part of
# the proof. Its certificate comes with the package, and the checker shares no code with the
# program that wrote it. :doc:`/theorem` has the argument; ``python -m
# edcurve.certificate.check`` checks the certificate in a second.

plt.show()  # run as a script, this shows the picture
