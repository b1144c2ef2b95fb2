"""What holds for all tests."""

from hypothesis import settings

# The first example of a test imports and compiles: its time says nothing.
settings.register_profile("robustq", deadline=None, print_blob=True)
settings.load_profile("robustq")
