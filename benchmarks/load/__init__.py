"""A server that is never the bottleneck: recorded pages and frames out of memory, the same bytes to every peer."""
