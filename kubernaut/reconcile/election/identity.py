"""The name under which a process takes part in elections when it is given none."""

from __future__ import annotations

import asyncio
import socket
from random import Random, SystemRandom
from uuid import UUID
from weakref import WeakKeyDictionary

from kubernaut.timing import virtual_time

__all__ = ["default_identity"]

# Two managers in one test often have the same seed, and two contenders of one name would both believe to lead.
_given: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()


def default_identity(random: Random) -> str:
    """`<hostname>_<uuid4>`, different at each call.

    Only on a virtual-time loop does the uuid come from `random`, and from how many were made on that loop: elsewhere
    replicas may well have been given one seed, and nothing may make their names equal.
    """
    bits = SystemRandom().getrandbits(128)
    if virtual_time() is not None:
        loop = asyncio.get_running_loop()
        _given[loop] = count = _given.get(loop, 0) + 1
        bits = Random(f"{random.getrandbits(64)}/{count}").getrandbits(128)
    return f"{socket.gethostname()}_{UUID(int=bits, version=4)}"
