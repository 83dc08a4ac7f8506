"""The runtimes that execute a model."""
