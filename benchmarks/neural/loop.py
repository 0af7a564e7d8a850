"""The obvious program: one model at a time, nn.Linear and Adam, the same loss. Written as one would by hand."""

from __future__ import annotations

import math
import time

import torch
from edcurve_neural import Config
from edcurve_neural.functional import initial_matrix
from edcurve_neural.optimisation import schedules
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus


class Density(nn.Module):
    """Deep factorised density of Ballé et al. (2018), App. 6.1, filters (3, 3)."""

    def __init__(self, latents: int) -> None:
        super().__init__()
        widths = (1, 3, 3, 1)
        shapes = [(latents, widths[i + 1], widths[i]) for i in range(3)]
        self.matrices = nn.ParameterList([nn.Parameter(torch.full(s, initial_matrix(s[1]))) for s in shapes])
        self.biases = nn.ParameterList([nn.Parameter(torch.rand((*s[:2], 1)) - 0.5) for s in shapes])
        self.factors = nn.ParameterList([nn.Parameter(torch.zeros((*s[:2], 1))) for s in shapes[:2]])

    def logits(self, x: Tensor) -> Tensor:
        for i in range(3):
            x = torch.baddbmm(self.biases[i], softplus(self.matrices[i]), x)
            if i < 2:
                x = x + torch.tanh(self.factors[i]) * torch.tanh(x)
        return x

    def bits(self, y: Tensor) -> Tensor:
        """Bits of latents of shape (batch, latents), summed over the latents."""
        y = y.t().unsqueeze(1)
        upper, lower = self.logits(torch.cat([y + 0.5, y - 0.5], dim=2)).chunk(2, dim=2)
        gap = (upper - lower).clamp(min=1e-30)
        nats = logsigmoid(upper) + logsigmoid(-lower) + torch.log(-torch.expm1(-gap))
        return nats.sum(0).squeeze(0) / -math.log(2.0)


def network(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.LeakyReLU(0.2, inplace=True)]
        nn.init.xavier_uniform_(layers[-2].weight)
        nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers[:-1])


class Coder(nn.Module):
    def __init__(self, dim: int, latents: int) -> None:
        super().__init__()
        self.analysis = network([dim, 100, 100, latents])
        self.synthesis = network([latents, 100, 100, dim])
        self.density = Density(latents)
        self.sharpness = nn.Parameter(torch.tensor(math.log(3.0)))

    def forward(self, x: Tensor, scheduled: float | None) -> tuple[Tensor, Tensor]:
        """Rate and summed squared error of each sample."""
        alpha = 4.0 * torch.sigmoid(self.sharpness) if scheduled is None else torch.tensor(scheduled)
        scale = 2.0 * torch.tanh(0.5 * alpha)
        y = self.analysis(x)
        middle = torch.floor(y) + 0.5
        z = middle + torch.tanh(alpha * (y - middle)) / scale + torch.rand_like(y) - 1.0
        middle = torch.floor(z) + 0.5
        y = middle + torch.atanh((scale * (z - middle)).clamp(-1.0 + 1e-6, 1.0 - 1e-6)) / alpha + 0.5
        return self.density.bits(y), (self.synthesis(y) - x).square().sum(1)


def draw(config: Config) -> Tensor:
    v = torch.rand(config.batch_size, 1)
    if config.source == "circle":
        angle = 2.0 * math.pi * v
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)
    x = torch.arange(config.samples) / config.samples + v
    return x - torch.floor(x) - 0.5


def train(config: Config, steps: int, warmup: int = 20) -> float:
    """Seconds for so many steps of one model."""
    torch.manual_seed(config.seed)
    model = Coder(config.samples or 2, config.latent_dim)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, eps=1e-7, fused=True)
    weight = config.lmbda / (config.samples or 1)
    start = 0.0
    for step in range(-warmup, steps):
        if step == 0:
            model.sharpness.tolist()  # a GPU has made all steps before
            start = time.perf_counter()
        at = max(step, 0)
        optimiser.param_groups[0]["lr"] = config.learning_rate * schedules.learning_rate(at, config.steps)
        rate, error = model(draw(config), schedules.alpha(at, config.steps))
        loss = rate.mean() + weight * error.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.sharpness.tolist()
    return time.perf_counter() - start
