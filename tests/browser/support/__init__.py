"""What the browser tests stand on; conftest.py makes fixtures of it."""
