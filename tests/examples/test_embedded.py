"""The tests of the embedding example, run as they stand."""

from examples.test_embedded import *  # noqa: F403
