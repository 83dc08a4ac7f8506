"""Faces of a data set → views, fakes and augmented copies."""
