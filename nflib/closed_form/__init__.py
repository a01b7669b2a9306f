"""What has a formula and needs no training: the unpaired Gaussian problem and what it leaves open, LUD-VAE of
Gaussians, interpolation.
"""

from . import couplings, divergences, gaussian, ludvae, super_resolution

__all__ = ["couplings", "divergences", "gaussian", "ludvae", "super_resolution"]
