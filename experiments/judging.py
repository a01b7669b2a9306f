"""Is the noise of a model like the true one? Deviations, correlations, spectrum, on the same photos."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from experiments.recording import SEED
from nflib import images, metrics


def noise(residuals: list) -> dict[str, float]:
    """What the noise of a set of photos is like; deviations in grey levels."""
    spatial = torch.stack([metrics.autocorrelation(r[None], 2)[0].mean(0) for r in residuals]).mean(0)
    colours = torch.stack([metrics.channel_correlation(r[None])[0] for r in residuals]).mean(0)
    power = torch.stack([r.flatten(1).var(1) for r in residuals]).mean(0).sqrt() * 255
    return {
        "std_r": power[0].item(),
        "std_g": power[1].item(),
        "std_b": power[2].item(),
        "right_1": spatial[2, 3].item(),
        "down_1": spatial[3, 2].item(),
        "diagonal": spatial[3, 3].item(),
        "antidiagonal": spatial[3, 1].item(),
        "right_2": spatial[2, 4].item(),
        "down_2": spatial[4, 2].item(),
        "channels": (colours.sum() - 3).item() / 6,
    }


def thirds(residuals: list, key: list) -> tuple[float, float]:
    """Deviation of the noise where the key is smallest and where it is largest, in grey levels."""
    squares, keys = (
        torch.cat([torch.nn.functional.avg_pool2d(x[None], 16).flatten() for x in xs])
        for xs in ([r.square().mean(0) for r in residuals], key)
    )
    low, high = keys.quantile(torch.tensor([1 / 3, 2 / 3]))
    return tuple(255 * squares[chosen].mean().sqrt().item() for chosen in (keys <= low, keys >= high))


def judge(model: nn.Module, pairs: list) -> dict[str, float]:
    """Noise of a model that degrades and of the truth on the same photos, and how far apart they are."""
    generator = torch.Generator().manual_seed(SEED + 1)
    clean = [x for x, _ in pairs]
    made = [model.degrade(x[None], generator=generator)[0] - x for x in clean]
    true = [y - x for x, y in pairs]
    found = {name: noise(residuals) for name, residuals in (("model", made), ("truth", true))}
    detail = [(x - images.resize(images.resize(x, 1 / 4), size=x.shape[-2:])).square().mean(0) for x in clean]
    light = [x.mean(0) for x in clean]
    for name, residuals in (("model", made), ("truth", true)):
        found[name]["std_flat"], found[name]["std_textured"] = thirds(residuals, detail)
        found[name]["std_dark"], found[name]["std_bright"] = thirds(residuals, light)
    spectrum = metrics.spectrum_error(windows(made), windows(true)).item()
    return {
        **{f"{k}_{side}": v for side in found for k, v in found[side].items()},
        "spectrum_db": spectrum,
        "distance": distance(found, spectrum),
    }


def windows(residuals: list) -> Tensor:
    """All of them cut into (N, 3, 16, 16)."""
    return torch.cat([r.unfold(1, 16, 16).unfold(2, 16, 16).flatten(1, 2).transpose(0, 1) for r in residuals])


def distance(found: dict, spectrum: float) -> float:
    """The largest of all errors, in units of what is still good: 15 % (or 0.1 for correlations), and 2 dB.

    Deviations are those of the channels and of the flattest, most textured, darkest and brightest third of
    the photos.
    """
    errors = [spectrum / 2]
    for key, true in found["truth"].items():
        limit = 0.15 * true if key.startswith("std") else max(0.15 * abs(true), 0.1)
        errors.append(abs(found["model"][key] - true) / limit)
    return max(errors)


def noise_notes(found: dict) -> dict:
    """What :func:`judge` found, as notes of a model."""
    sides = {
        side: {
            key.removesuffix(f"_{side}"): round(value, 4)
            for key, value in found.items()
            if key.endswith(f"_{side}")
        }
        for side in ("model", "truth")
    }
    return {
        "metrics": {
            "spectrum error, dB": round(found["spectrum_db"], 4),
            "largest error (1 is still good)": round(found["distance"], 4),
        },
        "noise": sides,
    }


class On(nn.Module):
    """A model that degrades, on a device, for images that are on the CPU."""

    def __init__(self, model: nn.Module, device: torch.device):
        super().__init__()
        self.model, self.device = copy.deepcopy(model).float().eval().to(device), device

    def degrade(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.model.degrade(clean.to(self.device), generator=generator).cpu()


def judged(pairs: list, tiny: bool) -> list:
    """The pairs to judge by: all, or of a tiny run one corner."""
    return [(clean[:, :64, :64], true[:, :64, :64]) for clean, true in pairs[:1]] if tiny else pairs
