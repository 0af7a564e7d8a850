"""Steps on a GPU, recorded once as a CUDA graph and replayed on a stream of their own, so that the GPU does not wait.

A step is about a hundred kernels of a few microseconds. Python takes longer to launch them than the GPU to run them.
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
MOST_STREAMS = 16  # of one device; PyTorch reuses a pool of 32

_recording = Lock()  # recording first waits for the whole device, which no thread may do while another records
_streams: dict[torch.device, list[torch.cuda.Stream]] = {}  # unused ones


def serves(device: torch.device) -> bool:
    """Whether steps on a device are recorded."""
    return device.type == "cuda"


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Compute on a stream of its own, concurrently with other threads; does nothing for a CPU.

    The stream is synchronised at the end, so that memory can be freed.
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
    """A function that repeats `work` on the device by replaying a recording.

    If recording fails, a warning says so, and `work` itself is returned.

    Parameters
    ----------
    work : callable
        Computes in place, on the current stream, which must be that of `own_stream`. It must launch the same kernels
        each time, and neither read values from the device nor use memory of the host.
    state : sequence of Tensor
        Tensors that it changes and reads again. Recording leaves their values unchanged.

    Returns
    -------
    callable
        Its result is in the same tensors each time.
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
