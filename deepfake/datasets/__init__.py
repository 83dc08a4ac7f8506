"""Labelled files: what is where, and what belongs together."""
