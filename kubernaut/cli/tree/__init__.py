"""`kubernaut tree`: a remediation with everything it has led to, as a tree."""
