"""What a stretch of a program costs, by the program's own clocks."""

from __future__ import annotations

import time


class Meter:
    """Seconds of processor (user and system, of the whole process) and of wall time since it was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def cpu(self) -> float:
        return time.process_time() - self._cpu

    def wall(self) -> float:
        return time.perf_counter() - self._wall

    def each(self, count: int, name: str = "") -> dict[str, float]:
        """Microseconds of both for each of `count` operations: `<name>_cpu_us` and `<name>_wall_us`."""
        prefix = f"{name}_" if name else ""
        cpu, wall = self.cpu(), self.wall()
        return {f"{prefix}cpu_us": cpu / count * 1e6, f"{prefix}wall_us": wall / count * 1e6}
