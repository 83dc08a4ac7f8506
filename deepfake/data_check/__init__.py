"""What is wrong with a data set, before anyone trains with it."""
