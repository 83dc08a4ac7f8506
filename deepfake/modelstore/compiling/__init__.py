"""Keras networks → LiteRT files that say the same."""
