"""Where the images of published data sets lie once they are unpacked and prepared. Nothing is downloaded from
here.

Folders, scales and addresses are those of the authors' scripts (volflow/DeFlow: datasets/ and codes/confs/;
zhengdihan/LUD-VAE: options/ and README), numbers of images those that the LUD-VAE paper names with its data
sets. Addresses move; the name of the data set finds the new one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..images import list_images
from ..images.colours import ChannelStatistics, ColourMatch


@dataclass(frozen=True)
class Folder:
    """One folder of a data set.

    Attributes:
        path: below the root.
        scales: what ``nflib data prepare`` makes in it; none: the images are used as they are.
        scale: of these the one that is trained on.
        images: how many there should be, where that is published.
        archive: address of a zip file.
        packed: the archive has the folder in it; else it is unpacked into the folder.
    """

    path: str
    scales: tuple[int, ...] = ()
    scale: int = 1
    images: int | None = None
    archive: str | None = None
    packed: bool = False

    def place(self, root: str | os.PathLike) -> Path:
        """Where the images for training are."""
        return Path(root, self.path, f"{self.scale}x") if self.scales else Path(root, self.path)

    def commands(self, root: str | os.PathLike) -> list[str]:
        """What to type for this folder, in the order of typing."""
        folder, lines = Path(root, self.path), []
        if self.archive:
            file = Path(root, self.archive.rsplit("/", 1)[1])
            lines.append(f"curl -fL --create-dirs -o {file} {self.archive}")
            lines.append(f"unzip {file} -d {root if self.packed else folder}")
        if self.scales:
            scales = " ".join(map(str, self.scales))
            lines.append(f"nflib data prepare --source {folder} --target {folder} --scales {scales}")
        return lines


class Found(NamedTuple):
    """What :meth:`Layout.check` says of a folder: number of images, None if there are none, and what is
    wrong, if anything.
    """

    role: str
    folder: Folder
    images: int | None
    remark: str


@dataclass(frozen=True)
class Layout:
    """A data set with two unpaired domains.

    >>> aim = layout("aim19")
    >>> aim.folders["clean"].place("data").as_posix()
    'data/train-clean-images/4x'

    Attributes:
        title: what to look for.
        page: where it is described.
        clean, degraded: for training.
        validation_clean, validation_degraded: in pairs, where there are such.
        notes: what one should know before use.
        colours: the published matching of the degraded to the clean colours, where there is one.
    """

    title: str
    page: str
    clean: Folder
    degraded: Folder
    validation_clean: Folder | None = None
    validation_degraded: Folder | None = None
    notes: str = ""
    colours: ColourMatch | None = None

    ROLES = ("clean", "degraded", "validation_clean", "validation_degraded")

    @property
    def folders(self) -> dict[str, Folder]:
        """Role -> folder, of those that the data set has."""
        return {role: folder for role in self.ROLES if (folder := getattr(self, role)) is not None}

    def folder(self, root: str | os.PathLike, role: str) -> Path:
        """The folder of images for a role, such as "clean", checked.

        Raises:
            ValueError: there is no such role, or no images; says what to type.
        """
        if role not in self.folders:
            raise ValueError(f"{self.title}: role must be one of {', '.join(self.folders)}, got {role!r}")
        place = self.folders[role].place(root)
        if not has_images(place):
            todo = self.folders[role].commands(root)
            todo = todo[-1:] if has_images(Path(root, self.folders[role].path)) else todo
            remedy = "type: " + "; ".join(todo) if todo else f"see {self.page}"
            raise ValueError(f"{place}: no images of {self.title}; {remedy}")
        return place

    def check(self, root: str | os.PathLike) -> list[Found]:
        """Every folder, counted and compared with the published number."""
        return [self._counted(root, role, folder) for role, folder in self.folders.items()]

    def commands(self, root: str | os.PathLike) -> list[str]:
        """What to type for the whole data set."""
        return list(dict.fromkeys(line for folder in self.folders.values() for line in folder.commands(root)))

    def _counted(self, root, role: str, folder: Folder) -> Found:
        place = folder.place(root)
        if not has_images(place):
            return Found(
                role, folder, None, "not prepared" if has_images(Path(root, folder.path)) else "not there"
            )
        count = len(list_images(place))
        wrong = folder.images is not None and count != folder.images
        return Found(role, folder, count, f"{folder.images} were published" if wrong else "")


def has_images(folder: Path) -> bool:
    try:
        return bool(list_images(folder))
    except ValueError:
        return False


AIM_FILES = "https://data.vision.ee.ethz.ch/alugmayr/real-world-sr/AIM19"
NTIRE_FILES = "https://data.vision.ee.ethz.ch/alugmayr/NTIRE2019/public"
SIDD_CLEAN = Folder("SIDD_Small_sRGB/clean")
SIDD_VALIDATION: dict[str, Any] = {
    "validation_clean": Folder("SIDD_Small_sRGB/val_clean", images=1280),
    "validation_degraded": Folder("SIDD_Small_sRGB/val_noisy", images=1280),
}


def _grey_levels(
    mean: tuple[float, float, float], deviation: tuple[float, float, float]
) -> ChannelStatistics:
    (m_r, m_g, m_b), (d_r, d_g, d_b) = mean, deviation
    return ChannelStatistics((m_r / 255, m_g / 255, m_b / 255), (d_r / 255, d_g / 255, d_b / 255), pixels=0)


# Of the full-size degraded images and of the clean ones at a quarter of their size, as DeFlow's configuration
# has them.
AIM_COLOURS = ColourMatch(
    _grey_levels((120.71678252, 115.66740282, 104.7566205), (54.14952531, 52.60073718, 55.64991431)),
    _grey_levels((114.47609804, 111.67182033, 103.29093697), (59.98190873, 57.2422813, 59.9127576)),
)

LAYOUTS = {
    "aim19": Layout(
        "AIM 2019 Challenge on Real-World Image Super-Resolution, track 2",
        "the challenge's report, arXiv 1911.07783",
        clean=Folder(
            "train-clean-images", (1, 4, 32), 4, None, f"{AIM_FILES}/train-clean-images.zip", packed=True
        ),
        degraded=Folder(
            "train-noisy-images", (1, 8), 1, None, f"{AIM_FILES}/train-noisy-images.zip", packed=True
        ),
        validation_clean=Folder(
            "valid-gt-clean", (1, 4, 32), 4, 100, f"{AIM_FILES}/valid-gt-clean.zip", packed=True
        ),
        validation_degraded=Folder(
            "valid-input-noisy", (1, 8), 1, 100, f"{AIM_FILES}/valid-input-noisy.zip", packed=True
        ),
        notes="The degraded images have other colours than the clean ones: match them.",
        colours=AIM_COLOURS,
    ),
    "ntire20": Layout(
        "NTIRE 2020 Challenge on Real-World Image Super-Resolution, track 1",
        "the challenge's report, arXiv 2005.01996",
        clean=Folder("Corrupted-tr-y", (1, 4, 16), 4, None, f"{NTIRE_FILES}/Corrupted-tr-y.zip"),
        degraded=Folder("Corrupted-tr-x", (1, 4), 1, None, f"{NTIRE_FILES}/Corrupted-tr-x.zip"),
        validation_clean=Folder(
            "track1-valid-gt",
            (1, 4, 16),
            4,
            100,
            "https://data.vision.ee.ethz.ch/alugmayr/real-world-sr/NTIRE20/track1-valid-gt.zip",
            packed=True,
        ),
        validation_degraded=Folder("Corrupted-va-x", (1, 4), 1, 100, f"{NTIRE_FILES}/Corrupted-va-x.zip"),
    ),
    "dped": Layout(
        "NTIRE 2020 Challenge on Real-World Image Super-Resolution, track 2 (DPED, iPhone)",
        "the challenge's report, arXiv 2005.01996",
        clean=Folder("DPEDiphone-tr-x", (1, 4, 16), 4, None, f"{NTIRE_FILES}/DPEDiphone-tr-x.zip"),
        degraded=Folder("DPEDiphone-tr-x", (1, 4, 16), 1, None, f"{NTIRE_FILES}/DPEDiphone-tr-x.zip"),
        validation_degraded=Folder("DPEDiphone-va", (1, 4, 16), 1, None, f"{NTIRE_FILES}/DPEDiphone-va.zip"),
        notes="Photos at a quarter of their size count as clean, so both domains show the same scenes. "
        "The paper blurs "
        "them with kernels that KernelGAN estimates; that is not part of the preparation here. There is "
        "no ground truth.",
    ),
    "sidd": Layout(
        "Smartphone Image Denoising Dataset (SIDD), SIDD-Small sRGB",
        "https://www.eecs.yorku.ca/~kamel/sidd/dataset.php",
        clean=SIDD_CLEAN,
        degraded=Folder("SIDD_Small_sRGB/noisy"),
        **SIDD_VALIDATION,
        notes="Cut the sRGB photos into patches of 512x512 pixels and the validation set into its "
        "blocks of 256x256. Both "
        "domains show the same scenes: LUD-VAE only ignores which belongs to which.",
    ),
    "dnd": Layout(
        "Darmstadt Noise Dataset (DND)",
        "the paper of the data set, Plötz and Roth, CVPR 2017",
        clean=SIDD_CLEAN,
        degraded=Folder("DND/noisy", images=1000),
        **SIDD_VALIDATION,
        notes="Blocks of 512x512 pixels. LUD-VAE takes the clean patches of SIDD, and its validation "
        "set: the truth of DND "
        "is not public.",
    ),
    "lol": Layout(
        "EnlightenGAN's unpaired low-light photos, for LOL",
        "the repository VITA-Group/EnlightenGAN; LOL itself: https://daooshee.github.io/BMVC2018website/",
        clean=Folder("EnlightenGAN_Dataset/trainB_ll_c0d15_0d4_gamma1d5_2d5", images=1016),
        degraded=Folder("EnlightenGAN_Dataset/trainA", images=914),
        notes="The clean domain is trainB, 1016 photos in normal light, darkened to c v^gamma with c of "
        "0.15 to 0.4 and "
        "gamma of 1.5 to 2.5, drawn anew for each photo and rounded to 8 bits.",
    ),
}
"""Name -> :class:`Layout`: the published data sets."""


def layout(name: str) -> Layout:
    """A published data set by its name, a key of :data:`LAYOUTS`."""
    if name not in LAYOUTS:
        raise ValueError(f"data set must be one of {', '.join(LAYOUTS)}, got {name!r}")
    return LAYOUTS[name]
