"""Everything that a cluster needs for a process of controllers, made of the controllers themselves.

manifests = render(Installation(name="widgets", namespace="widgets", image="widgets:1", controllers=[...]), server)
"""

from kubernaut.install.definitions import definitions, own_kinds
from kubernaut.install.features import ServerFeatures
from kubernaut.install.installation import Installation, Manifest, managed_certificates
from kubernaut.install.render import render
from kubernaut.install.workload import CONFIG_FILE

__all__ = [
    "CONFIG_FILE",
    "Installation",
    "Manifest",
    "ServerFeatures",
    "definitions",
    "managed_certificates",
    "own_kinds",
    "render",
]
