"""What holds for tests of networks as people have them."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def free_large_networks() -> Iterator[None]:
    """Free a network before the next one is built: together they would take gigabytes."""
    yield
    gc.collect()
