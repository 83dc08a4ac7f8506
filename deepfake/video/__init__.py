"""From one photo to a film: samples of its frames, faces followed through them, a verdict a person."""

from deepfake.video.detector import VideoDetector
from deepfake.video.report import Person, Sample, VideoReport

__all__ = ["Person", "Sample", "VideoDetector", "VideoReport"]
