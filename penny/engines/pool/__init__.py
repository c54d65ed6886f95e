"""The pool: Web Workers on one shared memory, which steal each other's work."""
