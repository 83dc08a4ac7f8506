"""Many files: what is named → a row for each, with worker processes, resumable at any moment."""
