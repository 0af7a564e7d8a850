"""SCIP in its own process, which may crash: reads the model from standard input, and prints the answer.

In cells x = K p, with Σ x = K, the entropy is ln K − Σ x ln x / K, and SCIP has a handler for x ln x. Sums of d are
divided by D/K. With this scaling SCIP's tolerance of 1e-6 lowers the entropy by less than 1e-6, and without it by up to
1e-4. Decreasing cells break the symmetry. A lower bound on cells keeps the derivative of x ln x finite: with 0 SCIP
crashes, with 1e-9 it sometimes needs a hundred times the nodes, and 1e-7 costs 2e-6 nats for a surplus cell.
"""

import json
import math
import sys
import time
from itertools import pairwise

from pyscipopt import Model, log, quicksum

SMALLEST = 1e-7
GAP = 1e-6  # relative, like the tolerance of constraints


def main() -> None:
    task = json.load(sys.stdin)
    start = time.perf_counter()
    model, cells = build(**task)
    model.optimize()
    seconds = time.perf_counter() - start
    sizes = [model.getVal(x) / task["scale"] for x in cells] if model.getNSols() else None
    answer = {"status": model.getStatus(), "sizes": sizes, "seconds": seconds, "nodes": model.getNTotalNodes()}
    primal = model.getObjVal() if sizes else math.inf
    json.dump(answer | {"primal": primal, "bound": model.getDualbound()}, sys.stdout)


def build(powers: list[tuple[int, float]], scale: int, cells: int, largest: float, limit: float) -> tuple[Model, list]:
    """Model of Σ c x^k ≤ K over the (k, c) of `powers`, no cell above K times `largest`."""
    model = Model()
    model.hideOutput()
    x = [model.addVar(lb=scale * SMALLEST, ub=scale * largest) for _ in range(cells)]
    gain = [model.addVar(lb=-1.0, ub=scale * math.log(scale + 1.0)) for _ in range(cells)]
    model.addCons(quicksum(x) == scale)
    model.addCons(quicksum(c * v**k for v in x for k, c in powers) <= scale)
    for larger, smaller in pairwise(x):
        model.addCons(larger >= smaller)
    for v, g in zip(x, gain, strict=True):
        model.addCons(v * log(v) >= g)
    model.setObjective(math.log(scale) - quicksum(gain) / scale, "minimize")
    model.setParam("limits/time", limit)
    model.setParam("limits/gap", GAP)
    return model, x


if __name__ == "__main__":
    main()
