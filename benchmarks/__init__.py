"""Benchmarks: ratios of medians against peers, interleaved in one run on one machine."""
