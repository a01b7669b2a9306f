"""Which of two results looks more realistic? Choices of people, recorded, and the scores that follow."""

from __future__ import annotations

import base64
import io
import itertools
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import traitlets as T
from PIL import Image
from torch import Tensor

from ..files import json_text
from ..images import as_images, resize
from ..study.bradley_terry import BradleyTerry, fit
from ..study.choices import Choice, append_choices, read_choices, win_matrix
from .base import Explorer, Scene, Whole, shared
from .picture import INK
from .prng import uniforms

if TYPE_CHECKING:
    from matplotlib.patches import Rectangle

LARGEST = 1_500_000  # bytes of a study in a page
WHOLE = 320  # pixels of the longer side of a whole image, as it is shown
LONGEST = 30  # letters of a name that fits on a phone
RED = "#D00000"  # as in the paper


class Choices(T.List):
    """Records of :class:`~nflib.study.Choice`, as JSON has them."""

    def validate(self, obj: Any, value: Any) -> list[dict]:
        try:
            records: Any = super().validate(obj, value)
            return [{**(made := asdict(Choice.of(record))), "crop": list(made["crop"])} for record in records]
        except ValueError as error:
            raise T.TraitError(f"choices: {error}") from None


class Question(NamedTuple):
    """Indices into the scene: a photo, one of its crops, and the methods on the two sides."""

    photo: int
    crop: int
    left: int
    right: int


class UserStudy(Explorer):
    """The user study of the DeFlow paper (appendix, section F): the same random crop from two methods, which
    is more realistic?

    Every pair of methods is asked about for every crop, in random order and with random sides; the methods
    are not named. Answer with the buttons, a tap on the crop or the arrow keys. Made by :meth:`of`.

    With a kernel every choice is at once in ``file``, and a study that was interrupted goes on when it is
    made again, with a generator of the same seed. In a built page the choices stay in the page, and are lost
    with it, until a button downloads them, in the same format: :func:`nflib.study.read_choices` reads both.

    Args:
        file: where choices are recorded; those already in it count as made.
        scene: the images, packed.
        choices: already made, records of :class:`~nflib.study.Choice`.
        seed: of the order of questions and sides, 0 to 2^30. One participant, one seed.
        enough: scores are shown from this number of choices on, and once they connect all methods. Who sees
            scores may be swayed: for a study that counts, take the number of all questions or more.
    """

    front_end = "user_study"
    file: Path | None = None

    scene = shared(Scene("methods", "photos", "side"))
    choices = shared(Choices())
    seed = shared(Whole(1, min=0, max=2**30))
    enough = shared(Whole(20, min=1))

    def __init__(self, file: str | os.PathLike | None = None, **state):
        if file is not None:
            if "choices" in state:
                raise ValueError("UserStudy: give file or choices, not both")
            file = Path(file)
            if not file.parent.is_dir():
                raise ValueError(f"{file}: the folder {file.parent} does not exist")
            state["choices"] = [asdict(choice) for choice in read_choices(file)] if file.exists() else []
        super().__init__(**{"scene": {}, **state})
        known = {
            (photo["name"], crop["top"], crop["left"], self.scene["side"])
            for photo in self.scene["photos"]
            for crop in photo["crops"]
        }
        for choice in map(Choice.of, self.choices):
            if (choice.photo, *choice.crop) not in known or not {choice.left, choice.right} <= set(
                self.scene["methods"]
            ):
                raise ValueError(
                    f"{file or 'choices'}: a choice is between {choice.left} and {choice.right} at "
                    f"{choice.crop} of {choice.photo}, which this study "
                    "does not ask; to go on with a study give the same results and a generator of the "
                    "same seed"
                )
        self.file, self._recorded = file, set(map(Choice.of, self.choices))
        self.observe(self._record, "choices")

    @classmethod
    def of(
        cls,
        results: dict[str, dict[str, Tensor]],
        whole: dict[str, Tensor],
        *,
        crops: int = 3,
        side: int = 80,
        file: str | os.PathLike | None = None,
        generator: torch.Generator | None = None,
        **state,
    ) -> UserStudy:
        """The study of some methods: the page grows by some 20 kB for each crop of each method, at most 1.5
        MB in all.

        Args:
            results: for each method its images by photo, all methods the same photos in the same sizes; what
                :func:`~nflib.images.as_images` takes. Crops are shown exactly, at 8 bits.
            whole: what is shown for orientation, by photo, of any size; best the input, so that it gives no
                method away.
            crops: random crops of each photo.
            side: of the crops, in pixels.
            file: where choices are recorded.
            generator: of the crops.
            state: ``seed``, ``enough`` and ``choices``.
        """
        if len(results) < 2:
            raise ValueError(f"results must be of at least two methods, got {', '.join(results) or 'none'}")
        if long := [method for method in results if not 1 <= len(method) <= LONGEST]:
            raise ValueError(f"names of methods must have 1 to {LONGEST} letters, got {long[0]!r}")
        names = list(whole)
        for method, images in results.items():
            if set(images) != set(names) or not names:
                raise ValueError(
                    f"results of {method} must be of the photos in whole, {', '.join(names)}, got "
                    f"{', '.join(images) or 'none'}"
                )
        scene = {
            "methods": list(results),
            "side": side,
            "photos": [
                _photo(
                    name,
                    {method: as_images(images[name])[0] for method, images in results.items()},
                    as_images(whole[name])[0],
                    crops=crops,
                    side=side,
                    generator=generator,
                )
                for name in names
            ],
        }
        if (size := len(json_text(scene))) > LARGEST:
            raise ValueError(
                f"the study must have at most {LARGEST / 1e6:g} MB, got {size / 1e6:.2f} MB: take fewer "
                "photos, methods or crops"
            )
        return cls(file=file, scene=scene, **state)

    def questions(self) -> list[Question]:
        """All of them, in the order of the seed."""
        pairs = list(itertools.combinations(range(len(self.scene["methods"])), 2))
        crops = [(p, c) for p, photo in enumerate(self.scene["photos"]) for c in range(len(photo["crops"]))]
        asked = [Question(*crop, *pair) for crop in crops for pair in pairs]
        places, sides = uniforms(2 * len(asked), self.seed).reshape(2, -1)
        for i in range(len(asked) - 1, 0, -1):
            j = int(places[i] * (i + 1))
            asked[i], asked[j] = asked[j], asked[i]
        return [Question(q.photo, q.crop, q.right, q.left) if u < 0.5 else q for q, u in zip(asked, sides)]

    def remaining(self) -> list[Question]:
        """Those that the participant of this seed has not answered."""
        answered = {
            (c.photo, c.crop, frozenset((c.left, c.right)))
            for c in map(Choice.of, self.choices)
            if c.seed == self.seed
        }
        methods, left = self.scene["methods"], []
        for question in self.questions():
            photo = self.scene["photos"][question.photo]
            crop = photo["crops"][question.crop]
            place = (crop["top"], crop["left"], self.scene["side"])
            if (
                photo["name"],
                place,
                frozenset((methods[question.left], methods[question.right])),
            ) not in answered:
                left.append(question)
        return left

    def scores(self) -> BradleyTerry:
        """Scores from all choices so far, of all participants.

        Raises:
            ValueError: they do not connect all methods.
        """
        return fit(*win_matrix(map(Choice.of, self.choices), self.scene["methods"]))

    def readouts(self) -> dict[str, float]:
        shown = self._shown()
        spread = 0.0 if shown is None else float(np.ptp(shown.scores))
        return {"choices": len(self.choices), "remaining": len(self.remaining()), "spread": spread}

    def summary(self) -> str:
        total, left, shown, side = (
            len(self.questions()),
            len(self.remaining()),
            self._shown(),
            self.scene["side"],
        )
        words = (
            f"Question {total - left + 1} of {total}: the whole photo with a red mark, and the marked "
            f"crop of {side} by {side} pixels as two "
            "methods made it, which are not named."
            if left
            else f"All {total} questions are answered. Thank you."
        )
        if shown is None:
            return (
                f"{words} Scores are shown after {self.enough} choices that connect all methods; so "
                f"far there are {len(self.choices)}."
            )
        rows = ", ".join(f"{method} {shown.score(method)}" for method in shown.ranking())
        return f"{words} Scores after {len(self.choices)} choices, with 95 percent intervals: {rows}."

    def draw(self, figure) -> None:
        left, shown = self.remaining(), self._shown()
        above, below = figure.subfigures(2, 1) if shown is not None else (figure, None)
        if left:
            question = left[0]
            photo = self.scene["photos"][question.photo]
            crop = photo["crops"][question.crop]
            axes = above.subplots(1, 3)
            tiles = {
                "the whole photo": photo["whole"],
                "left": crop["images"][question.left],
                "right": crop["images"][question.right],
            }
            for ax, (title, image) in zip(axes, tiles.items(), strict=True):
                ax.imshow(
                    _decode(image),
                    interpolation="nearest",
                    extent=(0, 1, 1, 0) if image is photo["whole"] else None,
                )
                ax.set_title(title)
                ax.axis("off")
            size = np.array([photo["width"], photo["height"]])
            corner, length = np.array([crop["left"], crop["top"]]) / size, self.scene["side"] / size
            axes[0].set_aspect(size[1] / size[0])
            axes[0].add_patch(_rectangle(corner, length))
        else:
            above.text(0.5, 0.5, "All questions are answered. Thank you.", ha="center", color=INK)
        if shown is not None:
            assert below is not None
            ranking, ax = shown.ranking()[::-1], below.subplots()
            for row, (value, low, high) in enumerate(map(shown.score, ranking)):
                ax.plot([low, high], [row, row], color=INK)
                ax.plot(value, row, "o", color=INK)
            ax.set_yticks(range(len(ranking)), ranking)
            ax.margins(y=0.2)
            ax.set_xlabel("score, with its 95 % interval")

    def _shown(self) -> BradleyTerry | None:
        """The scores, if there are enough choices for them."""
        if len(self.choices) < self.enough:
            return None
        try:
            return self.scores()
        except ValueError:  # not connected yet
            return None

    def _record(self, change) -> None:
        """Write what is not in the file yet."""
        if self.file is not None:
            new = [choice for choice in map(Choice.of, self.choices) if choice not in self._recorded]
            if new:
                append_choices(self.file, dict.fromkeys(new))
            self._recorded |= set(new)


def _photo(
    name: str,
    results: dict[str, Tensor],
    whole: Tensor,
    *,
    crops: int,
    side: int,
    generator: torch.Generator | None,
) -> dict:
    """One photo of a scene: the whole image and random crops of every method's result, (3, H, W) each."""
    sizes = {method: tuple(image.shape[1:]) for method, image in results.items()}
    height, width = next(iter(sizes.values()))
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{method} {h} x {w}" for method, (h, w) in sizes.items())
        raise ValueError(f"results for {name} must have one size, got {found}")
    rows, columns = height - side + 1, width - side + 1
    if side < 1 or crops < 1 or min(rows, columns) < 1 or rows * columns < crops:
        raise ValueError(
            f"{name} must have room for {crops} different crops of side {side}, got {height} x {width} pixels"
        )
    if abs(whole.shape[1] * width / (whole.shape[2] * height) - 1) > 0.05:
        raise ValueError(
            f"whole image of {name} must have the proportions of the results, {height} x {width}, got "
            f"{whole.shape[1]} x {whole.shape[2]}"
        )
    places = [
        divmod(place, columns)
        for place in torch.randperm(rows * columns, generator=generator)[:crops].tolist()
    ]
    shrink = min(1.0, WHOLE / max(whole.shape[1:]))
    small = (
        resize(whole, size=tuple(max(1, round(shrink * length)) for length in whole.shape[1:])).clamp(0, 1)
        if shrink < 1
        else whole
    )
    return {
        "name": name,
        "height": height,
        "width": width,
        "whole": _encode(small, "jpeg"),
        "crops": [
            {
                "top": top,
                "left": left,
                "images": [
                    _encode(image[:, top : top + side, left : left + side], "png")
                    for image in results.values()
                ],
            }
            for top, left in places
        ],
    }


def _encode(image: Tensor, kind: str) -> str:
    """(3, H, W) in [0, 1] -> a data address, at 8 bits: exact as png, small as jpeg."""
    pixels = (255 * image.detach().cpu().double()).round().to(torch.uint8).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **({"quality": 85} if kind == "jpeg" else {"optimize": True}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _decode(address: str) -> np.ndarray:
    """(H, W, 3), uint8."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def _rectangle(corner: Any, size: np.ndarray) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, *size, fill=False, edgecolor=RED, linewidth=1.5)
