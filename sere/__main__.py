"""``python -m sere`` is the command line."""

import sys

from sere.cli import main

sys.exit(main())
