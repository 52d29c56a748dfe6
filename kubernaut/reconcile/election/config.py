"""How a manager takes part in leader election: names, times, and what is wrong with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

__all__ = ["ELECTION_LABEL", "JITTER_FACTOR", "SHARDS_LABEL", "LeaderElection", "default_namespace", "digest"]

JITTER_FACTOR = 1.2
"""A candidate waits one retry period, and up to this many more, between attempts (client-go's JitterFactor)."""
ELECTION_LABEL = "kubernaut.io/election"
"""On every lease of an election: its name."""
SHARDS_LABEL = "kubernaut.io/election-shards"
"""On every lease of an election: into how many shares its keys are divided."""
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
MAX_NAME = 253
MAX_LABEL = 63
# What a lease's own name adds to the configured one: "-member-" and 16 hexadecimal digits.
LONGEST_SUFFIX = 24

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class LeaderElection:
    """Names the lease that the replicas of one manager contend for, and the times of the contest.

    `name`: of the Lease; with `shards` > 1 of the leases `<name>-0`, `<name>-1` ... of which each replica holds a fair
    share. Every replica must be given the same name, namespace, times and number of shards. `namespace`: None for
    the one that the client's configuration names, the pod's own in a cluster, else "default". `identity`: who holds the
    lease, unique to this process; None for `<hostname>_<uuid>`.

    `lease_duration` (15 s): others may take the lease when it has not been renewed for this long; whole seconds.
    `renew_deadline` (10 s): a leader that could not renew for this long stops. `retry_period` (2 s): between attempts.
    `release_on_stop`: give the lease up at an orderly stop, so that another replica takes over within a retry period
    instead of waiting until it runs out.

    Raises ValueError, which names the field and what to change, unless
    lease_duration > renew_deadline > 1.2 x retry_period > 0.
    """

    name: str
    namespace: str | None = None
    identity: str | None = None
    lease_duration: timedelta = timedelta(seconds=15)
    renew_deadline: timedelta = timedelta(seconds=10)
    retry_period: timedelta = timedelta(seconds=2)
    release_on_stop: bool = True
    shards: int = 1

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME - LONGEST_SUFFIX or not _NAME.match(self.name):
            raise ValueError(
                f"LeaderElection.name is {self.name!r}: it names a Lease, so give it at most "
                f"{MAX_NAME - LONGEST_SUFFIX} lower-case letters, digits, '-' and '.'"
            )
        if self.identity == "":
            raise ValueError("LeaderElection.identity is empty: leave it out, or give a name unique to this process")
        if self.shards < 1:
            raise ValueError(
                f"LeaderElection.shards is {self.shards}: give 1 for one leader, or more to share the keys"
            )
        self._check_times()

    def _check_times(self) -> None:
        lease, renew, retry = self.lease_duration, self.renew_deadline, self.retry_period
        if retry <= timedelta():
            raise ValueError(f"LeaderElection.retry_period is {_seconds(retry)}: it must be longer than 0 s")
        if renew <= JITTER_FACTOR * retry:
            raise ValueError(
                f"LeaderElection.renew_deadline ({_seconds(renew)}) must be longer than 1.2 x retry_period "
                f"({_seconds(JITTER_FACTOR * retry)}): raise renew_deadline or lower retry_period"
            )
        if lease <= renew:
            raise ValueError(
                f"LeaderElection.lease_duration ({_seconds(lease)}) must be longer than renew_deadline "
                f"({_seconds(renew)}): raise lease_duration or lower renew_deadline"
            )
        if lease % timedelta(seconds=1):
            raise ValueError(
                f"LeaderElection.lease_duration ({_seconds(lease)}) must be whole seconds, as a Lease states it: "
                "round it up"
            )

    @property
    def write_timeout(self) -> float:
        """Seconds a fenced write may take: sent before the renew deadline, it has ended before the lease has."""
        return (self.lease_duration - self.renew_deadline).total_seconds()

    @property
    def request_timeout(self) -> float:
        """Seconds a request about the lease may take: half the renew deadline, so that one that hangs costs no lease.

        The rule of client-go's resourcelock.NewFromKubeconfig, without its floor of one second.
        """
        return self.renew_deadline.total_seconds() / 2

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every lease of this election."""
        name = self.name if len(self.name) <= MAX_LABEL else digest(self.name)
        return {ELECTION_LABEL: name, SHARDS_LABEL: str(self.shards)}


def default_namespace() -> str:
    """The namespace of this pod; "default" outside of a cluster."""
    try:
        return NAMESPACE_FILE.read_text().strip() or "default"
    except OSError:
        return "default"


def digest(text: str) -> str:
    """Sixteen hexadecimal digits for names that may not hold, or have no room for, the text itself."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():g} s"
