"""Fork-join in one worker, whatever the engine: jobs, executions, scopes."""

from penny.jobs import running as running  # what `penny.jobs.job` can't import: see `run_outside`
