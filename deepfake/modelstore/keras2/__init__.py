"""What Keras 2 and classic papers left behind → networks of Keras 3."""
