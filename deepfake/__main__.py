"""`python -m deepfake` is the `deepfake` command."""

import sys

from deepfake.cli import main

sys.exit(main())
