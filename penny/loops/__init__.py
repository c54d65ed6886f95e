"""Parallel loops: one task that shares its work with whoever is idle."""
