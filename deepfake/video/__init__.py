"""From one photo to a film: samples of frames, faces followed through them, a verdict a person."""
