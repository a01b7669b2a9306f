"""Draw the picture of the README and the landing page: one photo, three degradations, what each adds.

python -m experiments.bundled.cover [--out book/_static/cover.png]
"""

from __future__ import annotations

from pathlib import Path

from experiments.recording import ROOT, SEED, parser
from nflib import units
from nflib.data import photos
from nflib.degraders import degrade_aim, degrade_camera, degrade_ntire
from nflib.plots import show_images

OUT = ROOT / "book" / "_static" / "cover.png"
SPAN = 30 / 255  # difference shown as white
MAKERS = {"camera-like": degrade_camera, "NTIRE-like": degrade_ntire, "AIM-like": degrade_aim}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--out", type=Path, default=OUT, help="file to write")
    out = options.parse_args().out
    clean = photos("degraded")["coffee"][:, 95:167, 300:396]
    made = {name: make(clean, generator=units.generator(SEED)) for name, make in MAKERS.items()}
    residuals = [((image - clean) / SPAN + 1) / 2 for image in made.values()]
    images = [clean, *made.values(), residuals[0] * 0 + 0.5, *residuals]
    titles = ["clean", *made, "added: nothing", *(f"added by {name}" for name in made)]
    note = "photo: Rachel Michetti, CC0; images black 0, white 1; added: grey is 0, white +30 grey levels; 3x"
    show_images(images, titles, scale=3, columns=4, note=note).savefig(out)
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
