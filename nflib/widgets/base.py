"""What all explorers share: the state that travels to the browser, its checks, and what is shown without
scripts.
"""

from __future__ import annotations

import base64
import html
import math
from typing import Any

import anywidget
import traitlets as T

from ..files import json_text
from .bundle import live_module
from .picture import png


class Number(T.Float):
    """A finite number within bounds. Scalars of numpy and torch are taken too."""

    def validate(self, obj: Any, value: Any) -> float:
        value = super().validate(obj, _scalar(value))
        if not math.isfinite(value):
            raise T.TraitError(f"{self.name} must be a finite number, got {value}")
        return value


class Whole(T.Int):
    """A whole number within bounds. Scalars of numpy and torch are taken too."""

    def validate(self, obj: Any, value: Any) -> int:
        return super().validate(obj, _scalar(value))


class Vector(T.TraitType):
    """A list of finite numbers; ``length`` of them, if given. Arrays and tensors are taken too."""

    def __init__(self, default, length: int | None = None, **kwargs):
        self.length = length
        super().__init__(default_value=list(default), **kwargs)

    def validate(self, obj: Any, value: Any) -> list[float]:
        values = _plain(value)
        if not isinstance(values, list) or not all(_is_number(v) for v in values):
            raise T.TraitError(f"{self.name} must be a list of finite numbers, got {_short(value)}")
        if self.length is not None and len(values) != self.length:
            raise T.TraitError(f"{self.name} must have {self.length} numbers, got {len(values)}")
        return [float(v) for v in values]


class Covariance(T.TraitType):
    """A symmetric positive definite 2 x 2 matrix, as two lists."""

    def __init__(self, default, **kwargs):
        super().__init__(default_value=[list(row) for row in default], **kwargs)

    def validate(self, obj: Any, value: Any) -> list[list[float]]:
        rows = _plain(value)
        shaped = (
            isinstance(rows, list)
            and len(rows) == 2
            and all(isinstance(r, list) and len(r) == 2 for r in rows)
        )
        if not shaped or not all(_is_number(v) for row in rows for v in row):
            raise T.TraitError(f"{self.name} must be a 2 x 2 matrix of finite numbers, got {_short(value)}")
        (a, b), (c, d) = rows
        if abs(b - c) > 1e-12 * math.sqrt(abs(a * d)) or not (a > 0 and a * d - b * c > 1e-9 * a * d):
            raise T.TraitError(f"{self.name} must be symmetric and positive definite, got {_short(value)}")
        return [[float(a), float(b)], [float(b), float(d)]]  # what rounding left apart is one


class Scene(T.Dict):
    """What the ``of`` of a widget packed: a dictionary with these parts."""

    def __init__(self, *parts: str, **kwargs):
        self.parts = set(parts)
        super().__init__(**kwargs)

    def validate(self, obj: Any, value: Any) -> dict:
        value = super().validate(obj, value)
        if set(value) != self.parts:
            raise T.TraitError(
                f"{self.name} must hold {', '.join(sorted(self.parts))}, got "
                f"{', '.join(sorted(value)) or 'nothing'}; see of()"
            )
        return value


def shared(trait: T.TraitType) -> T.TraitType:
    """A trait that is part of the widget's state: a constructor argument, in step with the browser
    when live."""
    return trait.tag(sync=True, state=True)


class Explorer(anywidget.AnyWidget):
    """A widget that computes in the browser.

    Live in Jupyter its traits follow the sliders. In a built page its ``text/html`` holds the state and a
    picture; the script of ``static_bundle()`` replaces the picture by the widget, without a kernel and
    without the network.

    Subclasses say ``front_end`` (their module in ``static/``), ``readouts`` (the numbers shown, computed in
    Python), ``draw`` (the picture) and ``summary`` (its words).

    Raises:
        ValueError: an argument out of range. TypeError: an unknown argument.
    """

    front_end: str

    def __init_subclass__(cls, **kwargs):
        if "front_end" in vars(cls):
            cls._esm = live_module(cls.front_end)
        super().__init_subclass__(**kwargs)

    def __init__(self, **state):
        known = self.trait_names(state=True)
        if unknown := sorted(set(state) - set(known)):
            raise TypeError(
                f"{type(self).__name__} has no argument {unknown[0]!r}; it takes {', '.join(sorted(known))}"
            )
        try:
            super().__init__(**state)
        except T.TraitError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from None

    @property
    def state(self) -> dict:
        """What the browser needs to draw the widget; also the arguments that make an equal one."""
        return self.trait_values(state=True)

    def readouts(self) -> dict[str, float]:
        """The numbers the widget shows for its present state, under the names of its ``data-readout``
        elements.
        """
        raise NotImplementedError

    def summary(self) -> str:
        """The picture in words, with its numbers."""
        raise NotImplementedError

    def draw(self, figure) -> None:
        """Draw the present state into a matplotlib figure."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        bundle = super()._repr_mimebundle_(**kwargs)
        assert bundle is not None
        data, metadata = bundle
        picture = base64.b64encode(png(self.draw)).decode()
        state = html.escape(json_text(self.state))
        style = "max-width:100%;background:#fff"
        words = html.escape(self.summary())
        image = f'<img alt="{words}" src="data:image/png;base64,{picture}" style="{style}">'
        data["image/png"] = picture
        data["text/html"] = (
            f'<div class="nf-widget" data-widget="{self._widget_name()}" data-state="{state}">{image}</div>'
        )
        return data, metadata

    def _widget_name(self) -> str:
        """The public class: the child of Explorer among the ancestors."""
        return next(cls.__name__ for cls in type(self).__mro__ if Explorer in cls.__bases__)


def _scalar(value: Any) -> Any:
    """A number of numpy or torch as one of Python; all else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def _plain(value: Any) -> Any:
    """Arrays, tensors and tuples as lists."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
