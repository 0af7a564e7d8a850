"""Affine maps and squared errors of realizations without forming these, differentiable by autograd.

A realization x(v) of a thousand samples depends on few numbers, and `Signal.project`, `minus_adjoint` and `energy` use
only these. So does the backward pass here; plain autograd would keep x(v) and multiply by it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edcurve_neural.signals.base import Signal


def affine(source: Signal, v: Tensor, maps: Tensor) -> Tensor:
    """Affine maps of realizations, for example a first layer before its leaky ReLU.

    Parameters
    ----------
    source : Signal
        The source.
    v : Tensor
        Phases, shape (models, batch).
    maps : Tensor
        Shape (models, width, dim + 1), biases in the last column.

    Returns
    -------
    Tensor
        Shape (models, width, batch); differentiable in `maps`.
    """
    return _Affine.apply(source, v, maps)  # type: ignore[no-any-return, no-untyped-call]  # torch's


def squared_error(source: Signal, v: Tensor, rows: Tensor, factors: Tensor) -> Tensor:
    """Squared errors of linear reconstructions, summed over the samples: ‖x(v) − Aᵀf‖² for rows A and factors f.

    It is ‖x‖² − 2(Ax)·f + f·(AAᵀ)f, an identity, with the rounding of float32 relative to ‖x‖². The Gram matrix AAᵀ
    costs as much as the reconstructions of `width` realizations, so this is faster if the batch is larger than that.

    Parameters
    ----------
    source : Signal
        The source.
    v : Tensor
        Phases, shape (models, batch).
    rows : Tensor
        A, shape (models, width, dim).
    factors : Tensor
        f, shape (models, width, batch).

    Returns
    -------
    Tensor
        Shape (models, batch); differentiable in `rows` and `factors`.
    """
    return _SquaredError.apply(source, v, rows, factors)  # type: ignore[no-any-return, no-untyped-call]  # torch's


class _Affine(torch.autograd.Function):
    """`affine`, whose derivative in the maps is the adjoint of the projection."""

    @staticmethod
    def forward(ctx: Any, source: Signal, v: Tensor, maps: Tensor) -> Tensor:
        ctx.source = source
        ctx.save_for_backward(v)
        return source.project(v, maps[:, :, :-1], maps[:, :, -1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, Tensor]:
        minus, biases = ctx.source.minus_adjoint(*ctx.saved_tensors, grads[0].contiguous())
        return None, None, torch.cat([-minus, biases.unsqueeze(2)], dim=2)


class _SquaredError(torch.autograd.Function):
    """`squared_error`, whose derivatives are 2(AAᵀf − Ax) in f and 2 Σ (ffᵀA − fxᵀ), over the batch, in A."""

    @staticmethod
    def forward(ctx: Any, source: Signal, v: Tensor, rows: Tensor, factors: Tensor) -> Tensor:
        projected = source.project(v, rows)
        residual = torch.bmm(torch.bmm(rows, rows.transpose(1, 2)), factors) - projected  # AAᵀf − Ax
        ctx.source = source
        ctx.save_for_backward(v, rows, factors, residual)
        return source.energy(v) + ((residual - projected) * factors).sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, Tensor, Tensor]:
        v, rows, factors, residual = ctx.saved_tensors
        grad = grads[0].unsqueeze(1)
        weighted = factors * grad
        squares = torch.bmm(torch.bmm(weighted, factors.transpose(1, 2)), rows)
        return None, None, 2.0 * (squares + ctx.source.minus_adjoint(v, weighted)[0]), 2.0 * residual * grad
