"""Writes Python source of models out of JSON schemas: for the built-in kinds, and for anybody's CRD."""
