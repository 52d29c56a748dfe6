"""What exists only while a manager runs: its services, its clusters, and each controller's queue and workers."""
