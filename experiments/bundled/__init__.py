"""The weights that come with nflib, its cover, and what is counted for its widgets."""
