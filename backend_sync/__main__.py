"""`python -m backend_sync COMMAND`."""

import sys

from backend_sync.cli import main

sys.exit(main(sys.argv[1:]))
