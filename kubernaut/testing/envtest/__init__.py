"""A real etcd, kube-apiserver and kube-controller-manager for tests, from the folder of KUBEBUILDER_ASSETS."""

from kubernaut.testing.envtest.environment import EnvTest
from kubernaut.testing.envtest.errors import EnvTestError

__all__ = ["EnvTest", "EnvTestError"]
