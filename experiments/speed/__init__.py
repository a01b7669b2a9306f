"""How fast and how large training is, against plain implementations."""
