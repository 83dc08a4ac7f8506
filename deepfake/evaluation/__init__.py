"""A model and a labelled folder → numbers."""
