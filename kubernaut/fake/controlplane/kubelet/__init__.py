"""The simulated kubelets: they start the containers of scheduled pods, end them, and remove deleted pods."""

from kubernaut.fake.controlplane.kubelet.controller import LogWriter, kubelet

__all__ = ["LogWriter", "kubelet"]
