"""`Config`: everything that determines a trained compressor, checked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import numbers
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from itertools import product
from typing import Any

from edcurve.io.arrays import is_data

from . import manifolds, signals
from .compressors import COMPRESSORS
from .compressors.base import Kind
from .random_streams import STRIDE

LIKELIHOODS = ("derived", "reference")
STARTS = ("data", "random")
LAST_LAYERS = ("trained", "solved")
# later fields, with the values at which keys omit them
LATER = {"last_layer": "trained", "input_octaves": 0, "latent_octaves": 0}
MOST_OCTAVES = 16
MOST = 2**20  # most configurations of a grid


@dataclass(frozen=True)
class Config:
    """One compressor and its training; the defaults are the schedule of the authors' public code.

    Attributes
    ----------
    source : str
        "ramp", "circle", "sinusoid", "sawbridge", "sphere", "torus", "torus:r,s" or "klein"; or a file of points along
        a loop (.npy, .npz, .csv), or a name from `from_samples` or `from_file`. For points it becomes "loop:HASH" or
        "curve:HASH", with a hash of the points.
    lmbda : float
        λ of the loss rate + λ · distortion, in bits per unit distortion; 0 ≤ λ ≤ 1e12.
    latent_dim : int
        Dimension of the latent space.
    hidden : tuple of int
        Widths of the hidden layers of the analysis; the synthesis mirrors them.
    samples : int
        Number T of points t = i/T of sources that are functions on [0, 1], for which None means 1024. It must be
        None for other sources and measured points.
    batch_size, steps : int
        Phases drawn in each step, and the number of steps.
    learning_rate : float
        Learning rate of Adam at the start.
    train_size : int, optional
        Size of a fixed training set of phases; None draws fresh ones in each step.
    seed : int
        Seed of the weights, the training set, the batches and the noise; 0 ≤ seed < 2⁶⁴.
    likelihood : str
        Where "ntc" and "ntc-table" evaluate the density of the noisy latents in training: "derived" or "reference"; see
        `functional.soft_rounded_log_prob`.
    compressor : str
        Kind of compressor. "ntc" is the paper's. "circular" has a latent on a circle, and a Fourier series of the
        latent as synthesis; "circular-network" has a small network of the latent and the place of a sample instead,
        which is fitted at the end, with a learned warp of the latent.
        "circles" has `latent_dim` latents on circles, and a network of their cosines and sines.
        "ntc-table" and "circular-table" have tables as decoder and entropy model, with an entry for each index.
    start : str
        How the analysis of a circular latent starts: "data" (two principal components) or "random".
    last_layer : str
        The last layer of the synthesis of "ntc" and "circular": "trained", or "solved" for when training has ended, by
        least squares on the means of the cells of 2¹⁷ realizations. The series of "circular" then has as many
        harmonics as these support, from 32 to 512, and its cells are chosen with their means as codewords.
    input_octaves, latent_octaves : int
        Numbers of frequencies of Fourier embeddings, from 0 to 16, for "ntc" and "ntc-table". The analysis also sees
        cos πfx and sin πfx of each coordinate x, for f = 1, 2, 4, …; the synthesis also sees cos πfy and sin πfy of
        each latent y, for f = ½, ¼, ⅛, …, whose periods are 4, 8, 16, … integers. Measured points have no embedding of
        the input, because it would depend on their unit.

    Raises
    ------
    ValueError, TypeError
        For a value that is not allowed; the message names the field.
    """

    source: str
    lmbda: float
    latent_dim: int = 1
    hidden: tuple[int, ...] = (100, 100)
    samples: int | None = None
    batch_size: int = 1024
    steps: int = 200_000
    learning_rate: float = 1e-3
    train_size: int | None = None
    seed: int = 0
    likelihood: str = "derived"
    compressor: str = "ntc"
    start: str = "data"
    last_layer: str = "trained"
    input_octaves: int = 0
    latent_octaves: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", manifolds.named(self.source))
        if not self.measured and not signals.is_built_in(self.source):
            raise ValueError(
                f"source must be one of {signals.names()}, or a file of points (.npy, .npz, .csv), "
                f"got {signals.shown(self.source)}"
            )
        _one_of("likelihood", self.likelihood, LIKELIHOODS)
        _one_of("compressor", self.compressor, tuple(COMPRESSORS))
        _one_of("start", self.start, STARTS)
        _one_of("last_layer", self.last_layer, LAST_LAYERS)
        widths = self.hidden
        if not isinstance(widths, list | tuple) or not widths:
            raise TypeError(f"hidden must be a tuple of at least one width, got {widths!r}")
        if self.measured and self.samples is not None:
            raise ValueError(f"samples must be None for measured points, got {self.samples!r}")
        samples = None if self.measured else signals.samples_or_default(self.source, self.samples)
        parsed = {
            "lmbda": _real("lmbda", self.lmbda, 0.0, 1e12),
            "learning_rate": _real("learning_rate", self.learning_rate, 0.0, 1e38),
            "hidden": tuple(_integer("hidden", width) for width in widths),
            "latent_dim": _integer("latent_dim", self.latent_dim),
            "samples": None if samples is None else _integer("samples", samples, 2, 2**20),
            "batch_size": _integer("batch_size", self.batch_size),
            "steps": _integer("steps", self.steps),
            "train_size": None if self.train_size is None else _integer("train_size", self.train_size, 1, STRIDE),
            "seed": _integer("seed", self.seed, 0, 2**64 - 1),
            "input_octaves": _integer("input_octaves", self.input_octaves, 0, MOST_OCTAVES),
            "latent_octaves": _integer("latent_octaves", self.latent_octaves, 0, MOST_OCTAVES),
        }
        for name, value in parsed.items():
            object.__setattr__(self, name, value)
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name in self.kind.unused:
            if getattr(self, name) != defaults[name]:
                raise ValueError(
                    f"{name} must be {defaults[name]!r} for {self.compressor}, got {getattr(self, name)!r}"
                )
        if self.measured and self.input_octaves:
            raise ValueError(f"input_octaves must be 0 for measured points, got {self.input_octaves}")
        if self.batch_size * (1 + self.latent_dim) > STRIDE:
            raise ValueError(f"batch_size × (1 + latent_dim) must be at most 2**24, got batch_size {self.batch_size}")

    @property
    def measured(self) -> bool:
        """Whether the source is a measured curve of points."""
        return manifolds.is_name(self.source)

    @property
    def kind(self) -> Kind:
        """The kind of compressor: how it is trained and restored."""
        return COMPRESSORS[self.compressor]

    @property
    def circular(self) -> bool:
        """Whether the latent is on a circle."""
        return self.kind.circular

    @property
    def tabled(self) -> bool:
        """Whether the decoder and the entropy model are tables."""
        return self.kind.tabled

    @property
    def shape(self) -> tuple[object, ...]:
        """The fields that models must share to be trained in one program."""
        training = (self.batch_size, self.steps, self.likelihood, self.compressor, self.start)
        network = (self.latent_dim, self.hidden, self.input_octaves, self.latent_octaves)
        return (self.source, self.samples, *network, *training)

    @property
    def key(self) -> str:
        """Hash of the configuration: 16 hexadecimal digits."""
        fields = {name: value for name, value in self.to_dict().items() if name not in LATER or LATER[name] != value}
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON values."""
        return {**dataclasses.asdict(self), "hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Config:
        """The configuration with these fields; ValueError for an unknown one, and for a file of points as source."""
        unknown = sorted(set(fields) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"unknown field of a configuration: {', '.join(unknown)}")
        if is_data(str(fields["source"])):
            raise ValueError(f"source must be a name, not a file, got {str(fields['source'])[:100]!r}")
        return cls(**fields)


def grid(source: str, **fields: Any) -> list[Config]:
    """Configurations for all combinations of the values of some fields.

    Parameters
    ----------
    source : str
        The source.
    **fields
        Fields of `Config`: a single value, or a list, range or array of values to combine. A tuple of widths is a
        single value of `hidden`; a list of tuples varies it.

    Returns
    -------
    list of Config
        The last field varies fastest.
    """
    several = {name: value if _several(value) else [value] for name, value in fields.items()}
    count = math.prod(len(value) if isinstance(value, Sized) else 1 for value in several.values())
    if count > MOST:
        raise ValueError(f"a grid has at most {MOST} configurations, got {count}")
    values = [list(value) for value in several.values()]
    name = manifolds.named(source)
    return [Config(name, **dict(zip(fields, chosen, strict=True))) for chosen in product(*values)]


def _several(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | tuple)


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def _real(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    if not least <= float(value) <= most:
        raise ValueError(f"{name} must be from {least:g} to {most:g}, got {value!r}")
    return float(value)


def _integer(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, at least {least}, got {value!r}")
    number = int(value)
    if number < least or (most is not None and number > most):
        raise ValueError(f"{name} must be {_range(least, most)}, got {value!r}")
    return number


def _range(least: int, most: int | None) -> str:
    return f"at least {least}" if most is None else f"from {least} to {most}"
