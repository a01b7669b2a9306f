"""Draw the picture of the README and the landing page: one photo, three degradations, what each adds. Run in the environment."""

from pathlib import Path

import nflib
from nflib.data import degrade_aim, degrade_camera, degrade_ntire, photos
from nflib.plots import show_images

OUT = Path(__file__).resolve().parent.parent / "book" / "_static" / "cover.png"
SPAN = 30 / 255  # difference shown as white

if __name__ == "__main__":
    clean = photos("degraded")["coffee"][:, 95:167, 300:396]
    makers = {"camera-like": degrade_camera, "NTIRE-like": degrade_ntire, "AIM-like": degrade_aim}
    made = {name: make(clean, generator=nflib.generator(0)) for name, make in makers.items()}
    residuals = [((image - clean) / SPAN + 1) / 2 for image in made.values()]
    images = [clean, *made.values(), residuals[0] * 0 + 0.5, *residuals]
    titles = ["clean", *made, "added: nothing", *(f"added by {name}" for name in made)]
    note = "photo: Rachel Michetti, CC0; images black 0, white 1; added: grey is 0, white +30 grey levels; 3x"
    figure = show_images(images, titles, scale=3, columns=4, note=note)
    figure.savefig(OUT)
    print(f"wrote {OUT}")
