"""Engines: whatever runs the tasks of a [`Scheduler`][penny.Scheduler].

A scheduler validates what its user says, makes futures and orders results. Everything else (where a
task runs, how its values get there, who waits for what) is its engine's. There are two:

* `penny.engines.pool.client` in the browser: the pool of Web Workers on one shared memory;
* `penny.engines.messages.client` where no memory is shared: Web Workers that get messages;
* `penny.engines.serial` elsewhere: each task runs inside `submit`, so that the same program can
  be tested on any Python;

and, inside the tasks of a pool worker,

* `penny.engines.inside`, by which a task submits to the scheduler it runs on;
* `penny.engines.nested`, of a Scheduler that is opened in a task.
"""
