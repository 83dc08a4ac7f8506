"""Files on disk: their SHA-256, and writing them whole or not at all."""
