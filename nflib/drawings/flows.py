"""Drawings of the parts of flows: coupling, injector, the levels of Glow and SRFlow, the blocks of RRDB."""

from __future__ import annotations

from itertools import pairwise

from .drawing import Arrow, Box, Drawing


def coupling() -> Drawing:
    """An affine coupling: half of the channels decides what happens to the other half.

    >>> coupling().boxes["network"].text
    'any network'
    """
    boxes = {
        "x": Box("*x*, all channels", 1, 0, "data"),
        "x_a": Box("*x*_{a}, one half", 0, 1, "data"),
        "x_b": Box("*x*_{b}, the other", 2, 1, "data"),
        "network": Box("any network", 1, 2, "network"),
        "affine": Box("times *e*^{*s*}, plus *t*", 2, 2),
        "z_a": Box("*z*_{a} = *x*_{a}", 0, 3, "latent"),
        "z_b": Box("*z*_{b}", 2, 3, "latent"),
        "z": Box("*z*, all channels", 1, 4, "latent"),
    }
    arrows = [
        Arrow("x", "x_a", turn="across"),
        Arrow("x", "x_b", turn="across"),
        Arrow("x_a", "network", turn="down"),
        Arrow("x_a", "z_a"),
        Arrow("network", "affine"),
        Arrow("x_b", "affine"),
        Arrow("affine", "z_b"),
        Arrow("z_a", "z", turn="down"),
        Arrow("z_b", "z", turn="down"),
    ]
    alt = (
        "An affine coupling. The channels of x are cut into halves x a and x b. x a goes on unchanged as z "
        "a, and a network of any kind reads it and says s and t. x b is multiplied by e to the s, t is "
        "added, and the result is z b. Together z a and z b are z."
    )
    return Drawing(alt, boxes, arrows)


def injector() -> Drawing:
    """An affine injector: the condition alone decides what happens to every channel.

    >>> [arrow.end for arrow in injector().arrows if arrow.start == "h"]
    ['network']
    """
    boxes = {
        "h": Box("*h*, the condition", 0, 0, "data"),
        "x": Box("*x*, all channels", 2, 0, "data"),
        "network": Box("any network", 0, 1, "network"),
        "affine": Box("times *e*^{*s*}, plus *t*", 2, 1),
        "z": Box("*z*, all channels", 2, 2, "latent"),
        "note": Box("nothing of *x*\nis read", 0, 2, "text"),
    }
    arrows = [
        Arrow("h", "network"),
        Arrow("network", "affine", "*s* and *t*, from *h* only"),
        Arrow("x", "affine"),
        Arrow("affine", "z"),
    ]
    alt = (
        "An affine injector. A network reads the condition h, and nothing of x, and says s and t. All "
        "channels of x are multiplied by e to the s, t is added, and the result is z."
    )
    return Drawing(alt, boxes, arrows)


def glow_levels() -> Drawing:
    """The levels of Glow: squeeze, steps, split.

    >>> glow_levels().boxes["last"].text.splitlines()[0]
    'level *L*: as before, without split'
    """
    boxes = {
        "frame": Box("level 1", 1.5, 2.25, "frame", 4, 3.3),
        "x": Box("image: 3 channels, *H* × *W*", 1, 0, "data", 2.4),
        "squeeze": Box("squeeze: 12, *H*/2 × *W*/2", 1, 1.5, width=2.4),
        "steps": Box("*K* steps: ActNorm,\n1 × 1 convolution, coupling", 1, 2.37, "network", 2.4),
        "split": Box("split: half of the channels", 1, 3.25, width=2.4),
        "z_1": Box("*z*_{1}", 3, 3.25, "latent", 0.8),
        "more": Box("levels 2, 3, ...: as level 1", 1, 4.5, "network", 2.4),
        "z_2": Box("*z*_{2}, ...", 3, 4.5, "latent", 0.8),
        "last": Box("level *L*: as before, without split", 1.15, 5.5, "network", 2.7),
        "z_l": Box("*z*_{*L*}", 3, 5.5, "latent", 0.8),
    }
    arrows = [
        Arrow("x", "squeeze"),
        Arrow("squeeze", "steps"),
        Arrow("steps", "split"),
        Arrow("split", "z_1"),
        Arrow("split", "more"),
        Arrow("more", "z_2"),
        Arrow("more", "last"),
        Arrow("last", "z_l"),
    ]
    alt = (
        "The levels of Glow, from above. An image of 3 channels enters level 1: squeeze to 12 channels at "
        "half the size; K steps of ActNorm, 1 by 1 convolution and coupling; split, where half of the "
        "channels leave as z 1. The rest goes on to levels 2, 3 and so on, which are like level 1, and to "
        "the last level, which has no split."
    )
    return Drawing(alt, boxes, arrows, columns=4)


def srflow_levels() -> Drawing:
    """The levels of SRFlow: those of Glow, and an encoder of the small image that tells every step.

    >>> [arrow.end for arrow in srflow_levels().arrows if arrow.start == "encoder"]
    ['steps', 'more', 'last']
    """
    boxes = {
        "frame": Box("level 1", 2.3, 2.75, "frame", 2.55, 4.6),
        "low": Box("*x*: the small\nimage", 0.02, 0, "data", 1.05),
        "encoder": Box(
            "encoder *g*:\nRRDB, its\nmaps made\nas large as\neach level", 0.02, 3.4, "network", 1.05
        ),
        "y": Box("*y*: the large image", 2, 0, "data", 1.8),
        "squeeze": Box("squeeze", 2, 1.3, width=1.8),
        "transition": Box("2 transition steps:\nActNorm, 1 × 1 conv.", 2, 2.2, width=1.8),
        "steps": Box(
            "*K* conditional steps:\nActNorm, 1 × 1 conv.,\ninjector, coupling", 2, 3.4, "network", 1.8
        ),
        "split": Box("split", 2, 4.5, width=1.8),
        "z_1": Box("*z*_{1}", 3.25, 4.5, "latent", 0.55),
        "more": Box("levels 2, 3, ...", 2, 5.5, "network", 1.8),
        "z_2": Box("*z*_{2}", 3.25, 5.5, "latent", 0.55),
        "last": Box("level *L*, no split", 2, 6.5, "network", 1.8),
        "z_l": Box("*z*_{*L*}", 3.25, 6.5, "latent", 0.55),
    }
    arrows = [
        Arrow("low", "encoder"),
        Arrow("y", "squeeze"),
        Arrow("squeeze", "transition"),
        Arrow("transition", "steps"),
        Arrow("steps", "split"),
        Arrow("split", "z_1"),
        Arrow("split", "more"),
        Arrow("more", "z_2"),
        Arrow("more", "last"),
        Arrow("last", "z_l"),
        Arrow("encoder", "steps", dashed=True),
        Arrow("encoder", "more", turn="down", dashed=True),
        Arrow("encoder", "last", turn="down", dashed=True),
    ]
    alt = (
        "The levels of SRFlow. On the right the flow, from above: the large image y; level 1 with squeeze, "
        "two transition steps of ActNorm and 1 by 1 convolution, K conditional steps of ActNorm, 1 by 1 "
        "convolution, injector and coupling, and split, where z 1 leaves; the further levels; the last one "
        "without split. On the left the small image x and its encoder g, whose maps go, dashed, into the "
        "steps of every level."
    )
    return Drawing(alt, boxes, arrows, columns=4.1, row=50)


def rrdb() -> Drawing:
    """A residual-in-residual dense block, and one of its three dense blocks.

    >>> sum(arrow.turn == "right" for arrow in rrdb().arrows)
    10
    """
    convolutions = {
        f"conv_{i}": Box(f"3 × 3 convolution {i}", 1.9, 0.3 + 0.9 * i, "network", 1.6) for i in range(1, 6)
    }
    boxes = {
        "whole": Box("RRDB", 0.1, 2.9, "frame", 1.3, 7.3),
        "part": Box("one dense block", 2.05, 2.9, "frame", 2.35, 7.3),
        "in": Box("maps in", 0.2, 0.3, "data", 0.9),
        **{f"dense_{i}": Box("dense\nblock", 0.2, 0.2 + 1.15 * i, "network", 0.9) for i in (1, 2, 3)},
        "sum": Box("times 0.2,\nplus in", 0.2, 4.8, width=0.9),
        "out": Box("maps out", 0.2, 5.8, "data", 0.9),
        "block_in": Box("block in", 1.9, 0.3, "data", 1.6),
        **convolutions,
        "block_sum": Box("times 0.2, plus in", 1.9, 5.8, width=1.6),
    }
    names = ["block_in", *convolutions]
    chain = [
        ("in", "dense_1"),
        ("dense_1", "dense_2"),
        ("dense_2", "dense_3"),
        ("dense_3", "sum"),
        ("sum", "out"),
    ]
    chain += [*pairwise(names), ("conv_5", "block_sum")]
    arrows = [Arrow(a, b) for a, b in chain]
    arrows += [
        Arrow("in", "sum", turn="left", lane=0.8),
        Arrow("block_in", "block_sum", turn="left", lane=0.8),
    ]
    arrows += [
        Arrow(a, b, turn="right", lane=0.8 + 0.7 * i) for i, a in enumerate(names) for b in names[i + 2 :]
    ]
    alt = (
        "A residual-in-residual dense block. On the left three dense blocks one after the other; a fifth of "
        "their result is added to what came in. On the right one dense block: five 3 by 3 convolutions, "
        "each of which reads what came in and the results of all before it; a fifth of the last result is "
        "added to what came in."
    )
    return Drawing(alt, boxes, arrows, columns=3.8)
