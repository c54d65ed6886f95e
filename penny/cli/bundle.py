"""Zip archives of Python files, for Pyodide's `sys.path`: of what every Pyodide of Penny's imports.

The same files always give the same bytes.
"""

from penny.bridge.packages import pack, python_packages

__all__ = ["pack", "python_packages"]
