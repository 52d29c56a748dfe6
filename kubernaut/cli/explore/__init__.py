"""`kubernaut explore`: look for a reconciler's bugs by running a scenario again and again, with faults."""
