"""Phase `monitoring`: is the target healthy, and does it stay so."""
