"""
Run a sweep on a cluster
========================

A sweep over λ, latent dimensions, batch sizes and seeds consists of many independent trainings.
``edcurve_neural`` gives them to the threads of this machine, to its processes, or
to the workers of a Dask cluster (extra ``cluster``). The cluster of this tutorial is two
processes; with two hundred, nothing else would change.

To run it: ``pip install '.[cluster]'`` in a copy of the repository (PyTorch first, for your
machine).
"""

import tempfile
from pathlib import Path

import edcurve_neural as edn
from distributed import LocalCluster

# %%
# A real cluster
# --------------
# Run the first line on one machine, and the second on each machine that trains:
#
# .. code-block:: sh
#
#    dask scheduler                            # prints its address, tcp://HOST:8786
#    dask worker tcp://HOST:8786 --nworkers=-1 --nthreads 1
#
# Start the sweep from any machine that sees the same folder:
#
# .. code-block:: sh
#
#    edcurve sweep circle --lmbda 4,32,512 --latent-dim 1,2 --seeds 8 --steps 10000 \
#        --store /shared/DIR --cluster tcp://HOST:8786
#
# Scheduler and workers need the same release of edcurve, with PyTorch, and must see the store's
# folder under the same path.
#
# A small one
# -----------
# The same in Python: ``edn.cluster`` takes the address of a scheduler, and ``edn.sweep`` does
# the rest. Configurations of one shape are trained together, and each program goes to a
# worker.

grid = {"lmbda": [4.0, 32.0], "latent_dim": [1, 2], "batch_size": 128, "steps": 400}
configs = edn.grid("circle", learning_rate=0.01, **grid)
two = {
    "n_workers": 2,
    "threads_per_worker": 1,
    "dashboard_address": None,
    "silence_logs": "ERROR",
}
quick = {"points": 2**14, "progress": False}
columns = ["lmbda", "latent_dim", "status", "rate", "distortion", "excess"]

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as store:
        with LocalCluster(**two) as here, edn.cluster(here.scheduler_address) as pool:
            swept = edn.sweep(configs, store=store, executor=pool, **quick)
        print(swept.to_pandas()[columns].to_string(index=False))

        files = [path.suffix for path in (Path(store) / "runs").iterdir()]
        print("in the store:", {kind: files.count(kind) for kind in sorted(files)})

        repeated = edn.sweep(configs, store=store, **quick)  # trains nothing
        print("the same again:", repeated.to_pandas().equals(swept.to_pandas()))

# %%
# A script that starts processes needs the guard ``if __name__ == "__main__":``, because the
# processes import the script.
#
# When things go wrong
# --------------------
# * **A worker dies.** Another one continues its trainings from their last checkpoints, and they
#   end with the same weights to the bit.
# * **The command is killed.** Run it again. It keeps what is finished, and continues the
#   rest. ``checkpoint_every`` says how much can be lost.
# * **A file is damaged.** The error names it, and it is never used.
# * **A worker has another release.** The sweep refuses to start.
#
# ``edcurve runs DIR --csv runs.csv`` makes a table of the store while it fills. Without Dask,
# ``edn.processes(4)`` or ``--workers 4`` does the same in processes of this machine.
