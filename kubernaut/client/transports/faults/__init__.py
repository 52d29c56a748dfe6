"""A transport that injects faults, to test how controllers bear them.

Example::

    faults = Faults(seed=1)
    client = Client(FaultyTransport(transport, faults))
    faults.add(Fault.status(409), verb="update", resource="widgets", nth=2)
"""

from kubernaut.client.transports.faults.fault import Fault
from kubernaut.client.transports.faults.rules import Injected, Rule
from kubernaut.client.transports.faults.transport import Faults, FaultyTransport

__all__ = ["Fault", "Faults", "FaultyTransport", "Injected", "Rule"]
