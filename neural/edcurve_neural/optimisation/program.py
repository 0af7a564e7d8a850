"""`Program`: models of one shape that are trained together, and one step of their training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edcurve_neural import random_streams

from . import capture, schedules
from .adam import Adam
from .settings import Settings

LOGGED = 100  # most records of a training

Trained = TypeVar("Trained", covariant=True)  # the compressor that the parameters of one model make


class Cost(NamedTuple):
    """Means over the batch, shape (models,): rate in bits, and distortion."""

    rate: Tensor
    distortion: Tensor


class Record(NamedTuple):
    """Means over the steps since the last record, shape (models,)."""

    step: int
    rate: NDArray[np.float64]
    distortion: NDArray[np.float64]


class Program(ABC, Generic[Trained]):
    """Models of one shape, their optimiser, random streams and history: the state of training, and one step of it.

    A kind of compressor adds how its parameters change (`update`), and which compressor they make (`preview`, and
    `compressor` if more is done at the end). If it also names the steps that are the same computation (`stage`), a GPU
    records that computation once and replays it.

    Parameters
    ----------
    configs : sequence of Settings
        Configurations of one shape.
    flat : Tensor
        Parameters to train, shape (models, parameters of a model).
    """

    def __init__(self, configs: Sequence[Settings], flat: Tensor) -> None:
        self.configs, self.done, self.records = list(configs), 0, list[Record]()
        self.flat, self.gradient = flat, torch.zeros_like(flat)
        self.adam = Adam(self.flat, self.gradient, [config.learning_rate for config in configs])
        self.lmbda = torch.tensor([config.lmbda for config in configs], device=flat.device)
        self.failed = torch.full((len(configs),), -1, device=flat.device)
        self.fitting: tuple[int, int] | None = None  # iterations of a fit after the last step: done, and total
        # called in each of these iterations; an exception that it raises ends the fit
        self.watch: Callable[[], None] = lambda: None
        self.clock = torch.zeros((), dtype=torch.int64, device=flat.device)  # `done` on the device
        self._recorded: tuple[str, Callable[[], Cost]] | None = None
        self._total = torch.zeros(2, len(configs), device=flat.device)
        self._keys = torch.tensor(
            [random_streams.key(config.seed, "batches") for config in configs], device=flat.device
        )
        self._phases, self._sizes = training_sets(configs, flat.device)

    @abstractmethod
    def update(self) -> Cost:
        """Change the parameters once; returns rates and distortions before the change."""

    @property
    def stage(self) -> str | None:
        """Name of the computation of the next `update`; None, by default, if it must not be recorded.

        In a stage with a name, `update` neither reads values from the device nor copies from the host. It reads the
        step from `clock`, not from `done`, and other numbers from tensors that `prepare` fills.
        """
        return None

    @property
    def factor(self) -> float:
        """Learning rate of the next step, relative to that at the start."""
        return schedules.learning_rate(self.done, self.steps)

    def prepare(self) -> None:
        """Set the values that the next `update` reads but does not compute: the learning rate."""
        self.adam.scale(self.factor)

    @abstractmethod
    def preview(self, i: int) -> Trained:
        """The current compressor of model number `i`, at little cost, to show the progress of training."""

    def compressor(self, i: int) -> Trained:
        """The compressor of model number `i` at the end of training; by default its preview."""
        return self.preview(i)

    def iterated(self, total: int) -> None:
        """Count one of `total` iterations of a fit that is part of making a compressor."""
        done = 0 if self.fitting is None else self.fitting[0]
        self.fitting = done + 1, total
        self.watch()

    @property
    def steps(self) -> int:
        """Number of steps of the whole training."""
        return self.configs[0].steps

    def state(self) -> dict[str, Tensor]:
        """Everything that changes: a program that restores it, with `done`, ends with the same bits."""
        records = [np.concatenate([[r.step], r.rate, r.distortion]) for r in self.records]
        table = torch.tensor(np.array(records).reshape(len(records), 1 + 2 * len(self.configs)))
        parts = {"flat": self.flat, "mean": self.adam.mean, "square": self.adam.square}
        return {**parts, "failed": self.failed, "total": self._total, "records": table}

    def restore(self, state: dict[str, Tensor], done: int) -> None:
        """Set the state after `done` steps; ValueError or KeyError for one that this program cannot have."""
        self._check(state, done)
        self.flat.copy_(state["flat"])
        self.adam.restore(state["mean"], state["square"], done)
        self.clock.fill_(done)
        self.failed.copy_(state["failed"])
        self._total.copy_(state["total"])
        rows, models = state["records"].numpy(), len(self.configs)
        self.records = [Record(int(row[0]), row[1 : 1 + models], row[1 + models :]) for row in rows]
        self.done = done

    def _check(self, state: dict[str, Tensor], done: int) -> None:
        if type(done) is not int or not 0 <= done <= self.steps:
            raise ValueError(f"done must be a number of steps from 0 to {self.steps}, got {done!r}")
        if surplus := sorted(state.keys() - self.state().keys()):
            raise ValueError(f"a program has no state {surplus[0]!r:.60}")
        every = self._every
        steps = [*range(every, done + 1, every), *([done] if done == self.steps and done % every else [])]
        for name, own in self.state().items():
            expected = (len(steps), 1 + 2 * len(self.configs)) if name == "records" else tuple(own.shape)
            actual = state[name]
            if tuple(actual.shape) != expected or actual.dtype != own.dtype:
                raise ValueError(
                    f"{name} must be {own.dtype} of shape {expected}, got {actual.dtype} of {tuple(actual.shape)}"
                )
        if state["records"][:, 0].tolist() != steps:
            raise ValueError(f"records must be of the steps {steps[:3]} …, got {state['records'][:3, 0].tolist()} …")
        if not bool(((state["failed"] >= -1) & (state["failed"] < max(1, done))).all()):
            raise ValueError(f"failed must be steps before {done}, got {state['failed'].tolist()[:3]} …")

    @property
    def _every(self) -> int:
        """Steps between records."""
        return -(-self.steps // LOGGED)

    def step(self) -> Cost:
        """One update of all models; returns their rates and distortions before it.

        A recorded step returns them in the same memory as the previous one.
        """
        self.prepare()
        cost = self._computation()()
        self.done += 1
        self._record()
        return cost

    def compute(self) -> Cost:
        """The computation of a step, all on the device: update, failures, sums for the means, the step's number."""
        cost = self.update()
        failed = ~torch.isfinite(cost.rate + self.lmbda * cost.distortion)
        self.failed.copy_(torch.where((self.failed < 0) & failed, self.clock, self.failed))
        self._total += torch.stack(cost)
        self.clock += 1
        return cost

    def _computation(self) -> Callable[[], Cost]:
        """`compute`, or a recording of it."""
        stage = self.stage
        if stage is None or not capture.serves(self.flat.device):
            return self.compute
        if self._recorded is None or self._recorded[0] != stage:
            state = [self.flat, *self.adam.state, self.failed, self._total, self.clock]
            self._recorded = (stage, capture.recorded(self.compute, state))
        return self._recorded[1]

    def uniform(self, size: int) -> Tensor:
        """Numbers of this step, uniform on [0, 1), shape (models, size): functions of the seeds and of `clock`."""
        return random_streams.uniform(self._keys, self.clock, size)

    def phases(self, numbers: Tensor) -> Tensor:
        """Phases from numbers uniform on [0, 1): the numbers themselves, or members of a model's training set."""
        if self._phases is None:
            return numbers
        chosen = (numbers * self._sizes).long().clamp_(max=self._phases.shape[1] - 1)
        return torch.where(self._sizes > 0, self._phases.gather(1, chosen), numbers)

    def history(self, i: int) -> dict[str, NDArray[np.float64]]:
        """History of model number `i`: "step", and means of "loss", "rate" and "distortion" since the last one."""
        rate = np.array([record.rate[i] for record in self.records])
        distortion = np.array([record.distortion[i] for record in self.records])
        return {
            "step": np.array([float(record.step) for record in self.records]),
            "loss": rate + self.configs[i].lmbda * distortion,
            "rate": rate,
            "distortion": distortion,
        }

    def first_failure(self, i: int) -> int | None:
        """The first step at which the loss of model number `i` was not finite, if there is one."""
        step = int(self.failed[i])
        return None if step < 0 else step

    def _record(self) -> None:
        """Append the means to the records, at most a hundred times in a training."""
        if self.done % self._every == 0 or self.done == self.steps:
            count = self.done - (self.records[-1].step if self.records else 0)
            self.records.append(Record(self.done, *(self._total / count).double().cpu().numpy()))
            self._total.zero_()


def training_sets(configs: Sequence[Settings], device: torch.device | str) -> tuple[Tensor | None, Tensor]:
    """Phases of the fixed training sets, padded to one length, and their sizes.

    The size is 0 for a model without a training set; the phases are None if no model has one.
    """
    sizes = [config.train_size or 0 for config in configs]
    keys = torch.tensor([random_streams.key(config.seed, "training set") for config in configs])
    phases = random_streams.uniform(keys, 0, max(sizes)).to(device) if any(sizes) else None
    return phases, torch.tensor(sizes, device=device).unsqueeze(1)
