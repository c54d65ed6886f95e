"""The submitter's modules in its workers, and what changes in them."""
