"""Fork-join in one worker, whatever the engine: jobs, executions, scopes."""
