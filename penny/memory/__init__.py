"""Shared arrays, and the memories in which they are."""
