"""A trained network → a model with manifest, card and evaluation."""
