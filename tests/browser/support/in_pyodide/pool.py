"""One pool for all tests on a page that need none of their own."""

import penny

shared = penny.Scheduler(workers=2)
