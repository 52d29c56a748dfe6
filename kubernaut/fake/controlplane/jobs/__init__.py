"""Jobs: pods that run until enough of them have succeeded, or too many have failed, or time is up."""

from kubernaut.fake.controlplane.jobs.controller import jobs

__all__ = ["jobs"]
