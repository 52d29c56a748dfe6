"""Phase `validating`: every step is checked, and its target taken, before anything runs."""
