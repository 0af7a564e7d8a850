"""CUDA's recording of training steps, simulated on a CPU: reading values is refused, and operations are replayed.

`Refusing` runs a computation on PyTorch's device "meta", whose tensors have no values. `Tape` stands for a CUDA graph:
it keeps the operations of the first run with the tensors that they had, and a replay runs them on the same memory.
"""

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


def tensors(values):
    return [value for value in tree_flatten(values)[0] if isinstance(value, torch.Tensor)]


def written(func, args, kwargs):
    """Tensors among the arguments that an operation changes."""
    result = []
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = kwargs.get(argument.name) if argument.kwarg_only or place >= len(args) else args[place]
            result += tensors(value)
    return result


class Refusing(TorchDispatchMode):
    """Fails on operations with a tensor of the host, such as a copy; `first` allows them.

    The first run may copy what is kept from then on.
    """

    def __init__(self, first=False):
        super().__init__()
        self.first = first

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        # Adam's kernel does not exist for "meta"; it changes its arguments, and returns no tensor
        out = None if func is torch.ops.aten._fused_adam_.tensor_lr else func(*args, **(kwargs or {}))
        for tensor in tensors((args, kwargs, out)):
            assert self.first or tensor.device.type == "meta", (
                f"{func} has a tensor of the host, of shape {tuple(tensor.shape)}"
            )
        return out


class Tape(TorchDispatchMode):
    """Recorded operations on fixed memory, in place of `torch.cuda.CUDAGraph`.

    Recording computes nothing: on its end all that was written is as before.
    """

    def __init__(self):
        super().__init__()
        self.operations, self.before, self.replays = [], {}, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        changed = written(func, args, kwargs)
        for tensor in changed:
            self.before.setdefault(id(tensor), (tensor, tensor.clone()))
        out = func(*args, **kwargs)
        memory = {tensor.untyped_storage().data_ptr() for tensor in tensors((args, kwargs))}
        fresh = [tensor for tensor in tensors(out) if tensor.untyped_storage().data_ptr() not in memory]
        if changed or fresh:  # else it is a view
            self.operations.append((func, args, kwargs, out))
        return out

    @contextmanager
    def recording(self):
        try:
            with self:
                yield
        finally:
            for tensor, value in reversed(self.before.values()):
                tensor.detach().copy_(value)

    @torch.no_grad()
    def replay(self):
        self.replays += 1
        for func, args, kwargs, out in self.operations:
            again = func(*args, **kwargs)
            for old, new in zip(tensors(out), tensors(again), strict=True):
                if old.data_ptr() != new.data_ptr():
                    old.detach().copy_(new)


def stand_in(monkeypatch, fail=False):
    """Let programs on the CPU record their steps; returns the list of tapes."""
    from edcurve_neural.optimisation import capture

    tapes = []

    def started():
        tapes.append(Tape())
        return tapes[-1]

    @contextmanager
    def graph(tape, *, stream, capture_error_mode):
        assert (stream, capture_error_mode) == ("stream", "thread_local")
        with tape.recording():
            yield
            if fail:
                raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(capture, "serves", lambda device: True)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", started)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: "stream")
    return tapes
