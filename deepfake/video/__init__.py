"""From one photo to a film: samples of its frames, faces followed through them, a verdict a person."""
