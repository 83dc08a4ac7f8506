"""Entry point of a Hugging Face Space, and of `python app.py` anywhere."""

import sys

from deepfake.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
