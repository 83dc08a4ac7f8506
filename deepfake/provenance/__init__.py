"""What a file says of where it comes from: Content Credentials, metadata, traces of programs.

Facts apart from the score. Anybody can write or remove most of them, so that absence means nothing.
"""

from deepfake.provenance.facts import Provenance
from deepfake.provenance.reading import read

__all__ = ["Provenance", "read"]
