"""Drawings of whole systems: DeFlow in training and sampling, LUD-VAE and its pairs, the pipeline, and what a
degradation is made of.
"""

from __future__ import annotations

from .drawing import Arrow, Box, Drawing


def noise_model() -> Drawing:
    """The general model of a degraded photo: blur, noise that may follow the photo, and a last stage.

    >>> noise_model().boxes["gain"].text.splitlines()[1]
    '1: additive'
    """
    boxes = {
        "law": Box("the law", 1.7, 2.5, "frame", 1.2, 4),
        "x": Box("clean photo *x*", 0, 0, "data"),
        "shrink": Box("blur, shrink\n(or nothing)", 0, 1.3),
        "add": Box("+", 0, 5, width=0.4),
        "last": Box("last stage:\n8 bits, JPEG", 0, 6),
        "y": Box("degraded *y*", 0, 7, "data"),
        "w": Box("white noise *w*", 1.7, 0, "latent"),
        "filter": Box("filter *k*:\nhow neighbours\ngo together", 1.7, 1.75),
        "gain": Box("gain *g*(*x*)\n1: additive\n*x*: multiplicative\nbetween: light", 1.7, 3.45),
    }
    arrows = [
        Arrow("x", "shrink"),
        Arrow("shrink", "add"),
        Arrow("add", "last"),
        Arrow("last", "y"),
        Arrow("w", "filter"),
        Arrow("filter", "gain"),
        Arrow("gain", "add", turn="down"),
        Arrow("shrink", "gain", turn="down", dashed=True),
    ]
    alt = (
        "The general noise model. On the left the clean photo x is blurred and shrunken, or not; noise is "
        "added; a last stage, 8 bits or JPEG, makes the degraded photo y. On the right white noise passes a "
        "filter, which says how neighbours go together, and a gain: 1 for additive noise, a function of the "
        "photo for noise that follows the light, the photo itself for multiplicative noise. Filter and gain "
        "are the law."
    )
    return Drawing(alt, boxes, arrows, columns=2.8)


def deflow_training() -> Drawing:
    """How DeFlow is trained: two folders, one flow, two Gaussians.

    >>> deflow_training().boxes["flow_x"].text == deflow_training().boxes["flow_y"].text.replace("y", "x")
    True
    """
    boxes = {
        "x": Box("clean\nphoto *x*", 0, 0, "data"),
        "h_x": Box("*h*(*x*): small\nand noisy", 1, 0, "data"),
        "h_y": Box("*h*(*y*): small\nand noisy", 2, 0, "data"),
        "y": Box("degraded\nphoto *y*", 3, 0, "data"),
        "flow_x": Box("flow *f*_{θ}(*x*; *h*(*x*))", 0.5, 1.15, "network", 2),
        "flow_y": Box("flow *f*_{θ}(*y*; *h*(*y*))", 2.5, 1.15, "network", 2),
        "z_x": Box("*z*_{*x*} ~ N(0, *I*)", 0.5, 2.1, "latent", 2),
        "z_y": Box("*z*_{*y*} ~ N(*μ*_{*u*}, *I* + Σ_{*u*})", 2.5, 2.1, "latent", 2),
        "loss": Box("loss: −log *p*(*x* | *h*(*x*)) − log *p*(*y* | *h*(*y*))", 1.5, 3.1, width=4),
    }
    arrows = [
        Arrow("x", "h_x"),
        Arrow("y", "h_y"),
        Arrow("x", "flow_x"),
        Arrow("h_x", "flow_x", dashed=True),
        Arrow("h_y", "flow_y", dashed=True),
        Arrow("y", "flow_y"),
        Arrow("flow_x", "z_x"),
        Arrow("flow_y", "z_y"),
        Arrow("z_x", "loss"),
        Arrow("z_y", "loss"),
    ]
    alt = (
        "DeFlow in training. On the left a clean photo x and its small, noisy copy h of x enter the flow, "
        "whose latent must be a standard normal. On the right a degraded photo y, of another scene, and h "
        "of y enter the same flow, whose latent must be a normal of mean mu u and covariance I plus Sigma "
        "u. The loss is the sum of both negative log-likelihoods."
    )
    return Drawing(alt, boxes, arrows)


def deflow_sampling() -> Drawing:
    """How DeFlow degrades: encode, shift, decode.

    >>> [arrow.end for arrow in deflow_sampling().arrows if arrow.start == "h"]
    ['flow', 'back']
    """
    boxes = {
        "x": Box("clean photo *x*", 1.25, 0, "data", 1.2),
        "h": Box("*h*(*x*)", 2.25, 0, "data", 0.7),
        "flow": Box("flow *f*_{θ}", 1.25, 1, "network", 1.2),
        "z": Box("*z*_{*x*}", 1.25, 2, "latent", 1.2),
        "shift": Box("+ *τ* *u*", 1.25, 3, width=1.2),
        "u": Box("*u* ~ N(*μ*_{*u*}, Σ_{*u*})\nanew each time", 0, 2, "latent", 1.2),
        "back": Box("flow backwards, *f*_{θ}^{−1}", 1.25, 4, "network", 1.3),
        "y": Box("degraded photo *y*", 1.25, 5, "data", 1.2),
    }
    arrows = [
        Arrow("x", "h"),
        Arrow("x", "flow"),
        Arrow("flow", "z"),
        Arrow("z", "shift"),
        Arrow("u", "shift", turn="down"),
        Arrow("shift", "back"),
        Arrow("back", "y"),
        Arrow("h", "flow", turn="down", dashed=True),
        Arrow("h", "back", turn="down", dashed=True),
    ]
    alt = (
        "DeFlow degrading. A clean photo x goes through the flow and becomes z x; tau times a fresh draw of "
        "u is added; the inverse flow makes the degraded photo y. The flow and its inverse are told the "
        "same h of x."
    )
    return Drawing(alt, boxes, arrows, columns=3.2)


def ludvae_levels() -> Drawing:
    """The networks of LUD-VAE: two encoders upwards, one decoder downwards, drawn for three layers.

    >>> sum(name.startswith("z_") for name in ludvae_levels().boxes)
    3
    """
    boxes = {}
    for i, row in enumerate((3, 2, 1)):
        boxes[f"a_{i}"] = Box("block", 0, row, "network", 0.9)
        boxes[f"z_{i}"] = Box(f"*z*_{{*n*}}^{{{3 - i}}}", 2.02, row, "latent", 0.6)
        boxes[f"d_{i}"] = Box("merge,\nblock", 1.05, row, "network", 0.8)
        boxes[f"b_{i}"] = Box("block", 3, row, "network", 0.9)
    boxes |= {
        "content": Box("content *z*", 0, 0.2, "text"),
        "decoder": Box("decoder", 1.05, 0.2, "text"),
        "latent": Box("latents", 2.02, 0.2, "text"),
        "degradation": Box("degradation", 3, 0.2, "text"),
        "pre": Box("*x* or *y*\n+ pre-noise", 0, 4.15, "data"),
        "out": Box("*x* or *y*\nagain", 1.05, 4.15, "data", 0.85),
        "y": Box("*y*, as it is", 3, 4.15, "data"),
    }
    arrows = [Arrow("pre", "a_0"), Arrow("y", "b_0"), Arrow("d_0", "out")]
    for i in range(3):
        arrows += [
            Arrow(f"a_{i}", f"d_{i}"),
            Arrow(f"b_{i}", f"z_{i}", dashed=True),
            Arrow(f"z_{i}", f"d_{i}"),
        ]
    for i in (0, 1):
        arrows += [Arrow(f"{kind}_{i}", f"{kind}_{i + 1}") for kind in "ab"] + [Arrow(f"d_{i + 1}", f"d_{i}")]
    alt = (
        "LUD-VAE with three layers. On the left the content encoder, upwards: an image, clean or degraded, "
        "with pre-noise passes three blocks. On the right the degradation encoder, upwards: three blocks "
        "read the degraded image as it is and, dashed, say what the three latents z n are in training. In "
        "the middle the decoder, downwards: each layer merges the content of its height with the latent of "
        "its height and hands on; below it the image comes out again."
    )
    return Drawing(alt, boxes, arrows, row=52)


def ludvae_pairs() -> Drawing:
    """The three ways to make a pair with LUD-VAE.

    >>> [ludvae_pairs().boxes[f"title_{way}"].text for way in ("l2cn", "n2c", "c2n")]
    ['L2CN', 'N2C', 'C2N']
    """
    boxes, arrows = {}, []
    ways = {
        "l2cn": ("L2CN", "drawn", "drawn", "made", "made", "both are made"),
        "n2c": ("N2C", "found", "", "made", "real", "the clean side\nis made"),
        "c2n": ("C2N", "found", "drawn", "real", "made", "the degraded\nside is made"),
    }
    for i, (way, (title, z, z_n, x, y, note)) in enumerate(ways.items()):
        left, right = 2.2 * i, 2.2 * i + 1
        boxes[f"title_{way}"] = Box(title, (left + right) / 2, 0, "text", 2)
        boxes[f"z_{way}"] = Box(f"*z*\n{z}", left, 1, "latent")
        if z_n:
            boxes[f"z_n_{way}"] = Box(f"*z*_{{*n*}}\n{z_n}", right, 1, "latent")
        boxes[f"x_{way}"] = Box(f"*x*\n{x}", left, 2.5, "data")
        boxes[f"y_{way}"] = Box(f"*y*\n{y}", right, 2.5, "data")
        boxes[f"note_{way}"] = Box(note, (left + right) / 2, 3.6, "text", 2)
    ends = {
        "l2cn": ("z x", "z y", "z_n y"),
        "n2c": ("y z", "z x"),
        "c2n": ("x z", "z y", "z_n y"),
    }
    for way, pairs in ends.items():
        ends_of = [pair.split() for pair in pairs]
        arrows += [Arrow(f"{start}_{way}", f"{end}_{way}") for start, end in ends_of]
    alt = (
        "Three ways to make a pair. L2CN: content z and degradation z n are drawn, and both images are made "
        "from them. N2C: a real degraded image y, its content z is found, the clean image x is made. C2N: a "
        "real clean image x, its content z is found, z n is drawn, the degraded image y is made from both."
    )
    return Drawing(alt, boxes, arrows, columns=6.4, row=44)


def pipeline() -> Drawing:
    """The way from two folders to a restorer.

    >>> len(pipeline().boxes)
    10
    """
    boxes = {
        "degraded": Box("degraded photos", 0, 0, "data", 1.05),
        "others": Box("clean photos\nof other scenes", 2, 0, "data", 1.05),
        "learn": Box("learn the degradation", 1, 1, "network", 1.4),
        "clean": Box("clean photos", 0, 2, "data", 1.05),
        "apply": Box("degrade them", 1, 2, "network", 0.9),
        "pairs": Box("pairs of one\nscene each", 2, 2, "data", 1.05),
        "train": Box("train a restorer", 1, 3, "network", 1.4),
        "given": Box("a degraded\nphoto", 0, 4, "data", 1.05),
        "restore": Box("restore it", 1, 4, "network", 0.9),
        "restored": Box("restored", 2, 4, "data", 1.05),
    }
    arrows = [
        Arrow("degraded", "learn", turn="down"),
        Arrow("others", "learn", turn="down"),
        Arrow("learn", "apply"),
        Arrow("clean", "apply"),
        Arrow("apply", "pairs"),
        Arrow("pairs", "train", turn="down"),
        Arrow("train", "restore"),
        Arrow("given", "restore"),
        Arrow("restore", "restored"),
    ]
    alt = (
        "The pipeline. A folder of degraded photos and a folder of clean photos of other scenes: from them "
        "the degradation is learned. It degrades clean photos, which makes pairs of one scene each. A "
        "restorer is trained on the pairs and restores a degraded photo."
    )
    return Drawing(alt, boxes, arrows)
