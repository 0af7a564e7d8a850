"""Workers that train for `sweep`: processes of this machine, replaced when they die, or those of a Dask cluster."""

from __future__ import annotations

import asyncio
import builtins
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import active_children, get_context, parent_process
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from edcurve.io.text import printable

if TYPE_CHECKING:
    from distributed import Worker

T = TypeVar("T")
REACHED = 5.0  # seconds in which a scheduler must answer
JOINED = 15.0  # seconds in which it must have a worker
SAID = 10.0  # seconds between messages about waiting
POLLED = 1.0  # seconds between checks whether a task is still wanted


class Processes(Executor):
    """A pool of processes that is restarted for the next task after one of them was killed; see `processes`."""

    def __init__(self, count: int) -> None:
        self._max_workers, self._others = count, set(active_children())
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._max_workers, get_context("spawn"), _end_with_parent)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Submit a task to a process."""
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except BrokenExecutor:
            say(
                "a worker process died, perhaps for lack of memory: the workers are started again, and go on from the "
                "last checkpoints"
            )
            self._pool.shutdown()  # waits for its other processes to end
            self._pool = self._new_pool()
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the pool, as for any executor."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """Wait for the running tasks; after an error or an interrupt, end them."""
        if error is not None:
            for process in set(active_children()) - self._others:
                process.terminate()
        self.shutdown(cancel_futures=error is not None)


def processes(count: int) -> Processes:
    """Worker processes of this machine, for ``sweep(..., executor=...)``.

    If one is killed, all are restarted, and training continues from its last checkpoints. They end at the first error
    or interrupt, and with the process that started them. Each imports the main script, which must therefore protect its
    own work by ``if __name__ == "__main__":``.

    Parameters
    ----------
    count : int
        Number of processes, of one thread each.

    Returns
    -------
    Processes
        To be used in a ``with`` statement.

    Raises
    ------
    ValueError
        If `count` is not an integer, at least 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"count must be an integer, at least 1, got {count!r}")
    return Processes(count)


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Workers of a Dask cluster, for ``sweep(..., executor=...)``: use it in a ``with`` statement.

    Scheduler and workers need the same releases of edcurve and PyTorch as this process, and the workers must see the
    store's folder under the same path. If a worker dies, others continue its training from the last checkpoints.
    Small models train fastest by workers of one thread each, ``dask worker ADDRESS --nworkers=-1 --nthreads 1``.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://host:8786``.

    Raises
    ------
    ImportError
        If Dask distributed is not installed (extra ``cluster``), or if the cluster lacks PyTorch or this release of
        edcurve.
    ConnectionError
        If no scheduler answers, or it has no workers.
    """
    try:
        from distributed import Client, TimeoutError
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a Dask cluster needs the extra cluster: pip install 'edcurve[cluster]' ({error})"
        ) from None
    try:
        asyncio.run(asyncio.wait_for(_reach(address), REACHED))
        client = Client(address, timeout=REACHED, set_as_default=False)
    except Exception as error:  # anything may answer at that address, and fail in any way
        why = printable(error) or f"nothing within {REACHED:g} s"
        raise ConnectionError(f"no Dask scheduler answers at {address!r}: {why}") from None
    with client:
        try:
            client.wait_for_workers(1, JOINED)
        except TimeoutError:
            raise ConnectionError(
                f"the Dask scheduler at {address!r} has no workers: start some with `dask worker {address}`"
            ) from None
        _check_versions(client, address)
        yield client.get_executor(pure=False)


async def _reach(address: str) -> None:
    """Shake hands with a scheduler; raises if none answers."""
    from distributed import Security
    from distributed.comm import connect

    comm = await connect(address, timeout=REACHED, **Security().get_connection_args("client"))
    await comm.close()


def _check_versions(client: Any, address: str) -> None:
    """Refuse a cluster that has another release of edcurve or lacks PyTorch."""
    ours = version("edcurve")
    try:
        theirs = {client.run_on_scheduler(version, "edcurve"), *client.run(version, "edcurve").values()}
        client.run(version, "torch")
        client.run_on_scheduler(version, "torch")
    except PackageNotFoundError as error:
        problem = str(error)
    else:
        if theirs == {ours}:
            return
        problem = f"found {', '.join(sorted(theirs))}"
    raise ImportError(f"scheduler and workers of the cluster at {address!r} need edcurve[neural] {ours}: {problem}")


def capacity(executor: Executor) -> int:
    """Number of tasks that an executor runs at once."""
    client = getattr(executor, "_client", None)  # of Dask distributed
    if client is not None:
        return max(1, sum(map(int, client.nthreads().values())))
    return int(getattr(executor, "_max_workers", os.cpu_count() or 1))


def check_connection(executor: Executor) -> None:
    """Raise CancelledError if the connection that an executor needs to finish its tasks is lost."""
    client = getattr(executor, "_client", None)
    if client is not None and client.status not in ("running", "connecting"):
        raise CancelledError


class Patience:
    """Reports every ten seconds that a Dask cluster makes us wait: for its scheduler's answer, or for workers."""

    def __init__(self, executor: Executor) -> None:
        self._client = getattr(executor, "_client", None)
        self._answer: Future[dict[str, Any]] | None = None
        self._asked = self._said = time.monotonic()

    def look(self) -> None:
        """Query the scheduler without waiting, and report on its last answer."""
        if self._client is None:
            return
        now, lacking = time.monotonic(), None
        if self._answer is not None and self._answer.done():
            answered = self._answer.exception() is None  # a lost connection is noticed elsewhere
            no_worker = answered and not self._answer.result()["workers"]
            lacking = "a worker: none is left, perhaps for lack of memory" if no_worker else None
            self._answer = None
            self._said = now if lacking is None else self._said
        elif self._answer is not None:
            lacking = f"the Dask scheduler: it has not answered for {now - self._asked:.0f} s"
        if self._answer is None:
            self._asked = now
            self._answer = asyncio.run_coroutine_threadsafe(
                self._client.scheduler.identity(), self._client.loop.asyncio_loop
            )
        if lacking is not None and now - self._said >= SAID:
            say(f"waiting for {lacking}; Ctrl-C stops, and the same command goes on from the last checkpoints")
            self._said = now


def is_loss(error: BaseException) -> bool:
    """Whether an error says that the worker of a task died."""
    distributed = sys.modules.get("distributed")
    return isinstance(error, BrokenExecutor) or (
        distributed is not None and isinstance(error, distributed.KilledWorker)
    )


def cancellation() -> Event:
    """An event that is set once this process knows that the task of this thread is no longer wanted."""
    worker = _dask_worker()
    return Event() if worker is None else _Cancellation(worker)


def say(text: str) -> None:
    """Print on standard error; a Dask worker also prints on that of its client."""
    if _dask_worker() is None:
        # the newline in the same write, so that lines of different threads do not mix
        builtins.print(f"{text}\n", end="", file=sys.stderr)
    else:
        from distributed import print

        print(f"{text}\n", end="", file=sys.stderr)


class _Cancellation(Event):
    """Set once the scheduler no longer wants a Dask worker's task: a worker cannot end its threads."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker, self._key, self._next = worker, worker.get_current_task(), 0.0

    def is_set(self) -> bool:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + POLLED
            task = self._worker.state.tasks.get(self._key)
            if task is None or task.state == "cancelled":
                self.set()
        return super().is_set()


def _dask_worker() -> Worker | None:
    """The Dask worker that runs this thread, if any."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        worker: Worker = distributed.get_worker()
    except ValueError:
        return None
    return worker


def _end_with_parent() -> None:
    """End a worker with the process that started it, even if that was killed."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()
