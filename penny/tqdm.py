"""tqdm's process_map on Penny's workers: `from penny.tqdm import process_map`."""

from penny.adapters.tqdm import process_map

__all__ = ["process_map"]
