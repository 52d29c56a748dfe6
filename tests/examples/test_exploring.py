"""The tests of the exploration example, run as they stand."""

from examples.test_exploring import *  # noqa: F403
