"""The process that holds a run directory, as its lock or lease names it."""

import json
import os
import socket
from datetime import datetime


def this_process() -> dict[str, int | str]:
    """What a lock or lease says of the process that holds it."""
    return {"process": os.getpid(), "host": socket.gethostname(), "began": f"{datetime.now():%Y-%m-%d %H:%M}"}


def holder_in_words(content: str | bytes) -> str:
    """The process that a lock or lease names, in words, with a comma at the end where one is needed."""
    try:
        holder = json.loads(content)
        return f"process {holder['process']} on {holder['host']}, which began at {holder['began']},"
    except (ValueError, KeyError, TypeError):
        return "another process"


def refusal(holder: str, target: object) -> str:
    """What a second writer reads."""
    return f"{holder} writes to {target}: wait until it ends or stop it, or give another --out"
