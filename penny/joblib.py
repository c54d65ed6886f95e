"""joblib on Penny's workers: importing this makes `parallel_config(backend="penny")` known."""

from penny.adapters.joblib import PennyBackend, register, unregister

__all__ = ["PennyBackend", "register", "unregister"]
