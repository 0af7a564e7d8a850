"""What training keeps of a program, whichever compressors it is of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edcurve_neural import random_streams
from edcurve_neural.compressors.base import Coder
from edcurve_neural.compressors.objective import Cost
from edcurve_neural.config import Config
from edcurve_neural.runs import Run

from .adam import Adam

LOGGED = 100  # points of the history


class Record(NamedTuple):
    """Means over the steps since the last record, shape (models,)."""

    step: int
    rate: NDArray[np.float64]
    distortion: NDArray[np.float64]


class Program(ABC):
    """Models of one shape, their optimiser, random streams and history: the state of training and one step of it.

    Parameters
    ----------
    configs : sequence of Config
        Of one shape.
    flat : Tensor
        Parameters to train, shape (models, parameters of a model).
    """

    def __init__(self, configs: Sequence[Config], flat: Tensor) -> None:
        self.configs, self.done, self.records = list(configs), 0, list[Record]()
        self.flat, self.gradient = flat, torch.zeros_like(flat)
        self.adam = Adam(self.flat, self.gradient, [config.learning_rate for config in configs])
        self.lmbda = torch.tensor([config.lmbda for config in configs], device=flat.device)
        self.failed = torch.full((len(configs),), -1, device=flat.device)
        self._total = torch.zeros(2, len(configs), device=flat.device)
        self._keys = torch.tensor(
            [random_streams.key(config.seed, "batches") for config in configs], device=flat.device
        )
        self._phases, self._sizes = training_sets(configs, flat.device)

    @abstractmethod
    def update(self) -> Cost:
        """Change the parameters once; returns rates and distortions before it."""

    @abstractmethod
    def coder(self, i: int) -> Coder:
        """What the parameters of one model amount to."""

    @abstractmethod
    def preview(self, i: int) -> Coder:
        """What `coder` would return, or something like it, at little cost: to show how training goes."""

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.configs[0].steps

    def state(self) -> dict[str, Tensor]:
        """All that changes: with it and `done`, a program of the same configurations goes on to the same bits."""
        records = [np.concatenate([[r.step], r.rate, r.distortion]) for r in self.records]
        table = torch.tensor(np.array(records).reshape(len(records), 1 + 2 * len(self.configs)))
        parts = {"flat": self.flat, "mean": self.adam.mean, "square": self.adam.square}
        return {**parts, "failed": self.failed, "total": self._total, "records": table}

    def restore(self, state: dict[str, Tensor], done: int) -> None:
        """Take over the state after so many steps."""
        self.flat.copy_(state["flat"])
        self.adam.restore(state["mean"], state["square"], done)
        self.failed.copy_(state["failed"])
        self._total.copy_(state["total"])
        rows, models = state["records"].numpy(), len(self.configs)
        self.records = [Record(int(row[0]), row[1 : 1 + models], row[1 + models :]) for row in rows]
        self.done = done

    def step(self) -> Cost:
        """One update of all models; returns their rates and distortions before it."""
        found = self.update()
        failed = ~torch.isfinite(found.rate + self.lmbda * found.distortion)
        self.failed = torch.where((self.failed < 0) & failed, self.done, self.failed)
        self.done += 1
        self._record(found)
        return found

    def phases(self, numbers: Tensor) -> Tensor:
        """Phases of numbers uniform on [0, 1): themselves, or members of the training sets where there are any."""
        if self._phases is None:
            return numbers
        chosen = (numbers * self._sizes).long().clamp_(max=self._phases.shape[1] - 1)
        return torch.where(self._sizes > 0, self._phases.gather(1, chosen), numbers)

    def _record(self, found: Cost) -> None:
        """Add to the means, and note them a hundred times in a training."""
        self._total += torch.stack(found)
        every = -(-self.steps // LOGGED)
        if self.done % every == 0 or self.done == self.steps:
            count = self.done - (self.records[-1].step if self.records else 0)
            self.records.append(Record(self.done, *(self._total / count).double().cpu().numpy()))
            self._total.zero_()

    def runs(self, seconds: float) -> list[Run]:
        """What came of each configuration."""
        return [self._run(i, seconds / len(self.configs)) for i in range(len(self.configs))]

    def _run(self, i: int, seconds: float) -> Run:
        config, failed = self.configs[i], int(self.failed[i])
        rate = np.array([record.rate[i] for record in self.records])
        distortion = np.array([record.distortion[i] for record in self.records])
        history = {
            "step": np.array([float(record.step) for record in self.records]),
            "loss": rate + config.lmbda * distortion,
            "rate": rate,
            "distortion": distortion,
        }
        status = "finished" if failed < 0 else "diverged"
        return Run(config, self.coder(i), status, None if failed < 0 else failed, history, seconds)


def training_sets(configs: Sequence[Config], device: torch.device | str) -> tuple[Tensor | None, Tensor]:
    """Phases of the fixed training sets, padded, and their sizes, 0 where there is none; (None, …) if all are 0."""
    sizes = [config.train_size or 0 for config in configs]
    keys = torch.tensor([random_streams.key(config.seed, "training set") for config in configs])
    phases = random_streams.uniform(keys, 0, max(sizes)).to(device) if any(sizes) else None
    return phases, torch.tensor(sizes, device=device).unsqueeze(1)
