"""The verbs of the REST API, each a function of one call."""
