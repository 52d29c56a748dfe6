"""The in-memory cluster: an API server and, if wanted, the control plane that makes its objects come to life."""

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.cluster import FakeCluster
from kubernaut.fake.controlplane.behaviour import PodBehaviour, PodScript
from kubernaut.fake.loading import Loaded, LoadError

__all__ = ["ApiServer", "FakeCluster", "LoadError", "Loaded", "PodBehaviour", "PodScript"]
