"""Workers that share nothing with whoever submits: tasks and outcomes go by messages."""
