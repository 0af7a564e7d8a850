"""Steps on a GPU: recorded once as a CUDA graph and replayed, on a stream of their own, so that the card does not wait.

A step is some hundred kernels of a few microseconds. Python takes longer to launch them than the card to compute them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import torch
from edcurve.validation import warn
from torch import Tensor

T = TypeVar("T")
WARMED = 3  # runs before recording, in which libraries choose their algorithms and take memory
MOST_STREAMS = 16  # of one device; PyTorch hands out the same 32 again and again

_recording = Lock()  # while one thread records, no other may wait for the whole device, as recording does at first
_streams: dict[torch.device, list[torch.cuda.Stream]] = {}  # that nobody uses


def serves(device: torch.device) -> bool:
    """Whether steps on a device are recorded."""
    return device.type == "cuda"


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Let the device compute what is begun inside beside what other threads ask of it; nothing for a CPU.

    At the end it is waited for, so that memory can be given back.
    """
    if not serves(device):
        yield
        return
    free = _streams.setdefault(device, [])
    try:
        stream = free.pop()
    except IndexError:
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch's
    with torch.cuda.device(device), torch.cuda.stream(stream):
        try:
            yield
        finally:
            stream.synchronize()
            free.append(stream)


def recorded(work: Callable[[], T], state: Sequence[Tensor]) -> Callable[[], T]:
    """A function that does on the device what `work` does, by replaying a recording of it.

    Where it cannot be recorded, a warning says so, and `work` itself is returned.

    Parameters
    ----------
    work : callable
        Computes in place, on the current stream, which must be that of `own_stream`. It must launch the same kernels
        each time, and neither ask for values nor read memory of the host.
    state : sequence of Tensor
        What it changes and reads again. Recording leaves it as it was.

    Returns
    -------
    callable
        Its result lies in the same tensors each time.
    """
    with _recording:
        before = [tensor.clone() for tensor in state]
        for _ in range(WARMED):
            work()
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            # "thread_local" lets other threads take memory meanwhile
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                result = work()
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            warn(f"the GPU cannot record steps of training, which will be several times slower without ({reason})")
            return work

    def replay() -> T:
        graph.replay()
        return result

    return replay
