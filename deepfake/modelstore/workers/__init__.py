"""Processes of their own, kept warm, that score with models of others."""
