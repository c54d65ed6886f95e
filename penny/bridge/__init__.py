"""The seam to JavaScript."""
