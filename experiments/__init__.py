"""Every run whose numbers or weights are committed, beside its results: see README.md."""
