"""A verdict that can be checked again: made, shown as a page, written, read and checked."""
