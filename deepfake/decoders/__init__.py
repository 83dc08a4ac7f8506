"""Work on files of strangers, in child processes with limits of processor time and memory."""

from deepfake.decoders.pool import Pool, counts, run, start
from deepfake.decoders.turns import one_at_a_time

__all__ = ["Pool", "counts", "one_at_a_time", "run", "start"]
