"""What a worker process does: it takes the work once, then batches one after the other."""

import os
import pickle
import signal
from multiprocessing.connection import Connection


def compute_batches(connection: Connection, threads: int) -> None:
    """Answer each batch that comes with its result, or with the error of the work, until the other side is closed.

    Args:
        connection: brings the pickled work, then pickled batches; takes pairs (result, error), pickled.
        threads: threads for torch; ignored where OMP_NUM_THREADS is set.
    """
    # Ctrl-C reaches every process of a terminal; the process that started the run decides when workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads)
    try:
        content, work = connection.recv_bytes(), None
        while True:
            batch = connection.recv_bytes()
            try:
                work = work or pickle.loads(content)
                answer = pickle.dumps((work(pickle.loads(batch)), None))
            except Exception as error:
                answer = _pickled(error)
            connection.send_bytes(answer)
    except (EOFError, OSError):  # the process that started the run ended, or needs no more batches
        return


def _pickled(error: Exception) -> bytes:
    """The pair (None, error); an error that cannot be pickled becomes a RuntimeError with its text."""
    try:
        answer = pickle.dumps((None, error))
        pickle.loads(answer)
    except Exception:
        return pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))
    return answer
