"""Phase `planning`: steps become a plan."""
