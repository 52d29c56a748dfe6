"""What tests of controllers import: virtual time. The fixtures are in the pytest plugin, kubernaut.testing.plugin."""

from kubernaut.testing.virtualtime import NothingLeftToDo, VirtualTimeLoop, run_virtual

__all__ = ["NothingLeftToDo", "VirtualTimeLoop", "run_virtual"]
