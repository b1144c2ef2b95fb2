"""What holds for all tests."""

import gc

import pytest
from hypothesis import settings

# The first example of a test imports and compiles: its time says nothing.
settings.register_profile("robustq", deadline=None, print_blob=True)
settings.load_profile("robustq")


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Free what the tests of a file have built.

    A segmenter and its hooks hold each other, so that only the collector frees them, and it starts rarely where few
    but large objects are made.
    """
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
