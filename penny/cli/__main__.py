"""`python -m penny.cli`, the same as the command `penny`."""

import sys

from penny.cli import main

sys.exit(main())
