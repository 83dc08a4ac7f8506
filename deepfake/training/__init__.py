"""A labelled folder → a model that can be shipped."""
