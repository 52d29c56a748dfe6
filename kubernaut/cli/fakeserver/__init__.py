"""`kubernaut fake`: the in-memory cluster served over HTTP, for kubectl and everything else that speaks to one."""
