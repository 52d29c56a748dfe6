"""The `analyze` command: checks rule files, and prints what HTTP analyzers are asked and have to answer."""
