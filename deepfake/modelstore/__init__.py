"""Models: their manifests, where they lie, and the backends that run them."""
