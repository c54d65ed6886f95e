"""Bytes and values: arguments, results, and what was raised."""
