"""Training of nonlinear transform coders."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from edcurve_neural import random_streams
from edcurve_neural.optimisation import schedules
from edcurve_neural.optimisation.program import Cost, Program
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.signals import signal

from . import cpu_kernels, inductor
from .base import Compressor, Kind
from .codebook import WithTables, tabled
from .gradients import gradient_of
from .last_layer import solved
from .ntc import NTC, layout_of, parts, restored, untrained


class TransformProgram(Program[Compressor]):
    """`NTC` compressors side by side."""

    def __init__(self, configs: Sequence[Settings], device: torch.device | str = "cpu") -> None:
        first = configs[0]
        self.model = untrained(first, [config.seed for config in configs]).to(device)
        super().__init__(configs, self.model.flat.detach())
        self._alpha, self._scheduled = torch.zeros_like(self.lmbda), 0.0
        twice = first.likelihood == "reference"
        self.signal = self.model.signal.for_training()
        self._evaluate = gradient_of(
            self.signal,
            self.model.layout,
            self.flat,
            self.gradient,
            first.batch_size,
            twice=twice,
            compiled=inductor.repays(configs, self.flat.device),
        )

    @property
    def stage(self) -> str:
        """Whether α is scheduled or learned."""
        return "learned" if schedules.alpha(self.done, self.steps) is None else "scheduled"

    def prepare(self) -> None:
        """Set the learning rate, and α while it is scheduled."""
        super().prepare()
        scheduled = schedules.alpha(self.done, self.steps)
        if scheduled is not None and scheduled != self._scheduled:
            self._scheduled = scheduled
            self._alpha.fill_(scheduled)

    def draw(self, step: int | Tensor) -> tuple[Tensor, Tensor]:
        """Phases and noise of a step: functions of the seeds and the step."""
        batch, latents = self.configs[0].batch_size, self.model.latent_dim
        numbers = random_streams.uniform(self._keys, step, batch * (1 + latents))
        v, noise = numbers[:, :batch], numbers[:, batch:].view(-1, latents, batch) - 0.5
        return self.phases(v), noise

    @torch.no_grad()
    def update(self) -> Cost:
        """One step of Adam on the loss of a batch, with α scheduled, then learned."""
        v, noise = self.draw(self.clock)
        before = self._evaluate(v, noise, self._alpha if self.stage == "scheduled" else None, self.lmbda)
        self.adam.update()
        return before

    @torch.no_grad()
    def preview(self, i: int) -> NTC:
        """The current transforms and density."""
        model = self.model.select(i)
        analysis, synthesis, _ = parts(model.views())
        last = synthesis[-1].transpose(1, 2)  # in the stored layout, with biases in the last row
        self.signal.restore_inputs(analysis[0])
        self.signal.restore_outputs(last, last[:, -1])
        return model

    def compressor(self, i: int) -> Compressor:
        """The trained transforms and the density, with a last layer that is solved for if so configured."""
        model = self.preview(i)
        return solved(model, self.configs[i]) if self.configs[i].last_layer == "solved" else model


class TransformTableProgram(WithTables, TransformProgram):
    """`NTC` compressors side by side that get tables at the end."""


def prepare(settings: Settings) -> None:
    """Compile the CPU's kernels, if they serve the source."""
    cpu_kernels.prepare(signal(settings.source, settings.samples or 2))


KIND = Kind(TransformProgram, layout_of, restored, unused=("start",), prepare=prepare)
TABLE = tabled(KIND, TransformTableProgram)
