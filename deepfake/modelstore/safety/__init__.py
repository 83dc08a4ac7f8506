"""What is looked at, and confined, before a stranger’s model file is run."""
