"""Every combination of depth, layout, byte order, kind, alpha and orientation, written by hand: it reads as
what it means, computed here in another way, or is refused.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import itertools
import struct
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, features

from nflib.images import as_images, read, read_picture
from tests.helpers import encoders

SIZE = (21, 18)
TURNS = {
    1: lambda x: x,
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: np.rot90(np.fliplr(x)),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(np.fliplr(x), -1),
    8: np.rot90,
}
"""Orientation -> how a viewer turns what is stored (the standard's pictures of a letter F)."""


def random(count: int, bits: int, real: bool, seed: int = 0) -> np.ndarray:
    """(H, W, n) samples, all of black and white among them."""
    generator = np.random.default_rng(seed)
    if real:
        values = generator.random((*SIZE, count)).astype(f"f{bits // 8}")
        values[0, 0], values[0, 1] = 0, 1
        return values
    samples = generator.integers(0, 2**bits, (*SIZE, count))
    samples[0, 0], samples[0, 1] = 0, 2**bits - 1
    return samples


def srgb(linear: np.ndarray) -> np.ndarray:
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """CIE's formulas, Lindbloom's adaptation of D50 to D65, the primaries of sRGB."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
    xyz = np.where(f**3 > 216 / 24389, f**3, (116 * f - 16) * 27 / 24389) * [0.96422, 1, 0.82521]
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    gain = (cone @ [0.95047, 1, 1.08883]) / (cone @ [0.96422, 1, 0.82521])
    adapted = xyz @ (np.linalg.inv(cone) @ np.diag(gain) @ cone).T
    chromaticities = np.array([[0.64, 0.33, 0.03], [0.3, 0.6, 0.1], [0.15, 0.06, 0.79]]).T
    primaries = chromaticities * np.linalg.solve(chromaticities, [0.95047, 1, 1.08883])
    return srgb(adapted @ np.linalg.inv(primaries).T)


def meaning(kind: str, values: np.ndarray, bits: int) -> np.ndarray:
    """Samples in [0, 1] of a kind -> RGB."""
    white = 2.0**bits - 1
    if kind == "ycbcr":
        y, cb, cr = np.moveaxis(values * white, -1, 0)
        y, cb, cr = y / white, (cb - 2 ** (bits - 1)) / white, (cr - 2 ** (bits - 1)) / white
        matrix = np.linalg.inv(
            [
                [0.299, 0.587, 0.114],
                [-0.299 / 1.772, -0.587 / 1.772, 0.5],
                [0.5, -0.587 / 1.402, -0.114 / 1.402],
            ]
        )
        return (np.stack([y, cb, cr], -1) @ matrix.T).clip(0, 1)
    if kind in ("cielab", "icclab"):
        stored = np.round(values * white).astype(np.int64)
        scale = 2 ** (bits - 8)
        if kind == "cielab":
            signed = stored[..., 1:].astype(f"u{bits // 8}").view(f"i{bits // 8}") / scale
            lightness = stored[..., :1] / white * 100
        else:
            signed = stored[..., 1:] / scale - 128
            lightness = stored[..., :1] / (255 * scale) * 100
        return lab_to_rgb(np.concatenate([lightness, signed], -1))
    if kind == "cmyk":
        return np.stack([(1 - values[..., i]) * (1 - values[..., 3]) for i in range(3)], -1)
    values = 1 - values if kind == "negative" else values
    return np.broadcast_to(values, (*values.shape[:2], 3))


KINDS = {
    **{"negative": (0, 1), "grey": (1, 1), "rgb": (2, 3), "palette": (3, 1), "cmyk": (5, 4)},
    **{"ycbcr": (6, 3), "cielab": (8, 3), "icclab": (9, 3)},
}
DEPTHS = [*((bits, False) for bits in range(1, 17)), (16, True), (32, True), (64, True)]
ALPHAS = {"none": None, "unspecified": 0, "premultiplied": 1, "straight": 2}


def agreed(kind: str, alpha: str, bits: int, real: bool) -> bool:
    """Whether a specification says what the picture is."""
    if alpha == "premultiplied":
        return kind in ("grey", "rgb")
    if kind in ("cielab", "icclab"):
        return bits in (8, 16) and not real
    return not real if kind in ("ycbcr", "palette") else True


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("kind", KINDS)
def test_tiff(tmp_path, kind, alpha) -> None:
    file = tmp_path / "a.tif"
    photometric, colours = KINDS[kind]
    seen = refused = 0
    cases = itertools.product(DEPTHS, "<>", (False, True), (False, True))
    for number, ((bits, real), order, planar, tiled) in enumerate(cases):
        if kind == "palette" and bits > 8 and not real:
            continue  # a table of 65,536 colours: TIFF has 8 bits at most
        case = f"{kind} {bits} {'float' if real else 'integer'} {order} planar {planar} tiled {tiled} {alpha}"
        compression, orientation = [1, 5, 8, 32773][number % 4], number % 8 + 1
        samples = random(colours + (alpha != "none"), bits, real, seed=number)
        white = 1 if real else 2**bits - 1
        tags = {274: (3, [orientation])}
        if alpha != "none":
            tags[338] = (3, [ALPHAS[alpha]])
        if alpha == "premultiplied" and not real:  # no colour is brighter than its alpha
            samples[..., :-1] = np.minimum(samples[..., :-1], samples[..., -1:])
        elif alpha == "premultiplied":
            samples[..., :-1] *= samples[..., -1:]
        if kind == "ycbcr":
            tags[530] = (3, [1, 1])
        palette = np.random.default_rng(bits).integers(0, 65536, (2 ** min(bits, 8), 3))
        if kind == "palette":
            tags[320] = (3, palette.T.ravel().tolist())
        file.write_bytes(
            encoders.tiff(
                samples,
                bits,
                photometric,
                order=order,
                planar=planar,
                tiled=tiled,
                compression=compression,
                tags=tags,
            )
        )
        if not agreed(kind, alpha, bits, real):
            with pytest.raises(ValueError, match=r"a\.tif: cannot be read as an image: "):
                read(file)
            refused += 1
            continue
        values = samples.astype(np.float64) / white
        opacity = values[..., colours:] if alpha in ("straight", "premultiplied") else 1.0
        if kind == "palette":
            rgb = palette[samples[..., 0]] / 65535
        else:
            rgb = meaning(kind, values[..., :colours], bits)
        over = rgb + 1 - opacity if alpha == "premultiplied" else rgb * opacity + 1 - opacity
        expected = TURNS[orientation](over)
        found = read(file).permute(1, 2, 0).double().numpy()
        assert found.shape == expected.shape, case
        # Lab: two roads from D50 to sRGB, with constants of four digits
        limit = 1e-3 if "lab" in kind else 3e-6
        assert abs(found - expected).max() < limit, case
        picture = read_picture(file)
        assert picture.bits == (8 if bits <= 8 and not real and kind != "palette" else 16), case
        assert picture.grey == (kind in ("grey", "negative")), case
        assert (picture.alpha is None) == (alpha in ("none", "unspecified")), case
        if alpha == "straight":
            assert abs(picture.alpha[0].numpy() - TURNS[orientation](opacity[..., 0])).max() < 1e-6, case
            straight = picture.pixels.permute(1, 2, 0).numpy()
            assert abs(straight - TURNS[orientation](rgb)).max() < limit, case
        seen += 1
    assert seen + refused == 8 * (11 if kind == "palette" else 19)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("colour", "bits"),
    [
        *((0, b) for b in (1, 2, 4, 8, 16)),
        *((3, b) for b in (1, 2, 4, 8)),
        *itertools.product((2, 4, 6), (8, 16)),
    ],
)
def test_png(tmp_path, colour, bits, interlaced) -> None:
    """All fifteen kinds of the specification, with and without a transparent colour, with each filter."""
    count = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    white = 2**bits - 1
    file = tmp_path / "a.png"
    for transparent, orientation in zip(
        (False, True) if colour in (0, 2, 3) else (False,), (bits % 8 + 1, 6)
    ):
        samples = random(count, bits, False, seed=orientation)
        palette = np.random.default_rng(bits).integers(0, 256, (2**bits, 3))
        opacity, more = np.ones(SIZE), encoders.chunk(b"eXIf", encoders.exif(orientation))
        if colour == 3:
            more += encoders.chunk(b"PLTE", palette.astype(np.uint8).tobytes())
        if transparent and colour == 3:
            table = np.random.default_rng(bits).integers(0, 256, 2**bits - 1)
            more += encoders.chunk(b"tRNS", table.astype(np.uint8).tobytes())
            opacity = np.append(table, 255)[samples[..., 0]] / 255
        elif transparent:
            samples[3, 4] = samples[0, 3]
            key = samples[0, 3]
            more += encoders.chunk(b"tRNS", struct.pack(f">{count}H", *key))
            opacity = 1.0 - (samples == key).all(-1)
        elif colour in (4, 6):
            opacity = samples[..., -1] / white
        file.write_bytes(encoders.png(samples, bits, colour, interlaced=interlaced, more=more))
        if colour == 3:
            rgb = palette[samples[..., 0]] / 255
        else:
            rgb = np.broadcast_to(samples[..., : 3 if colour in (2, 6) else 1] / white, (*SIZE, 3))
        turn = TURNS[orientation]
        expected = turn(rgb * opacity[..., None] + 1 - opacity[..., None])
        assert abs(read(file).permute(1, 2, 0).numpy() - expected).max() < 1e-6
        picture = read_picture(file)
        assert abs(picture.pixels.permute(1, 2, 0).numpy() - turn(rgb)).max() < 1e-6
        assert picture.bits == max(bits, 8)
        assert picture.grey == (colour in (0, 4))
        if picture.alpha is not None:
            assert abs(picture.alpha[0].numpy() - turn(opacity)).max() < 1e-6
        assert (picture.alpha is not None) == (transparent or colour in (4, 6))


@pytest.mark.parametrize("white", [1, 3, 100, 255, 256, 1000, 4095, 65535])
@pytest.mark.parametrize("form", ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P7 alpha"])
def test_netpbm(tmp_path, form, white) -> None:
    file = tmp_path / "a.ppm"
    count = {"P3": 3, "P6": 3, "P7": 3, "P7 alpha": 2}.get(form, 1)
    white = 1 if form in ("P1", "P4") else white
    samples = np.random.default_rng(white).integers(0, white + 1, (*SIZE, count))
    size = f"{SIZE[1]} {SIZE[0]}"
    binary = samples.astype(">u2" if white > 255 else "u1").tobytes()
    text = "\n".join(" ".join(map(str, row.ravel())) for row in samples).encode()
    if form.startswith("P7"):
        kind = "GRAYSCALE_ALPHA" if count == 2 else "RGB"
        head = f"P7\nWIDTH {SIZE[1]}\n# a remark\nHEIGHT {SIZE[0]}\nDEPTH {count}\nMAXVAL {white}\n"
        data = f"{head}TUPLTYPE {kind}\nENDHDR\n".encode() + binary
    elif form in ("P1", "P4"):
        bits = b"".join(np.packbits(row.ravel().astype(bool)).tobytes() for row in samples)
        data = f"{form}\n# a remark\n{size}\n".encode() + (bits if form == "P4" else text.replace(b" ", b""))
    else:
        data = f"{form} # a remark\n{size}\n{white}\n".encode() + (text if form in ("P2", "P3") else binary)
    file.write_bytes(data)
    values = samples / white
    if form in ("P1", "P4"):
        values = 1 - values
    elif count == 2:
        values = values[..., :1] * values[..., 1:] + 1 - values[..., 1:]
    assert abs(read(file).permute(1, 2, 0).numpy() - values).max() < 1e-6
    file.write_bytes(data[:-9])
    with pytest.raises(ValueError, match=r"a\.ppm: cannot be read"):
        read(file)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("count", [1, 3])
def test_float_map(tmp_path, count, order) -> None:
    values = random(count, 32, True)
    head = f"{'PF' if count == 3 else 'Pf'}\n{SIZE[1]} {SIZE[0]}\n{'-' if order == '<' else ''}1.0\n"
    (tmp_path / "a.pfm").write_bytes(head.encode() + values[::-1].astype(f"{order}f4").tobytes())
    expected = torch.from_numpy(np.broadcast_to(values, (*SIZE, 3)).copy()).permute(2, 0, 1)
    assert torch.equal(read(tmp_path / "a.pfm"), expected)


def test_bmp(tmp_path) -> None:
    file = tmp_path / "a.bmp"
    generator = np.random.default_rng(0)
    height, width = SIZE
    for bits in (1, 4, 8):
        palette, indices = generator.integers(0, 256, (2**bits, 3)), generator.integers(0, 2**bits, SIZE)
        rows = [encoders.packed(row[None], bits) for row in indices[::-1]]
        stored = b"".join(row + b"\0" * (-len(row) % 4) for row in rows)
        table = b"".join(bytes([*colour[::-1].tolist(), 0]) for colour in palette)
        file.write_bytes(encoders.bmp(stored, width, height, bits, palette=table))
        assert abs(read(file).permute(1, 2, 0).numpy() - palette[indices] / 255).max() < 1e-6
    rgba = generator.integers(0, 256, (*SIZE, 4))
    bgr = [row[:, 2::-1].astype(np.uint8).tobytes() for row in rgba]
    stored = b"".join(row + b"\0" * (-len(row) % 4) for row in bgr)
    file.write_bytes(encoders.bmp(stored, width, -height, 24))  # from the top down
    assert abs(read(file).permute(1, 2, 0).numpy() - rgba[..., :3] / 255).max() < 1e-6
    bgra = rgba[::-1, :, [2, 1, 0, 3]].astype(np.uint8).tobytes()
    file.write_bytes(encoders.bmp(bgra, width, height, 32))  # the fourth byte means nothing
    assert abs(read(file).permute(1, 2, 0).numpy() - rgba[..., :3] / 255).max() < 1e-6
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    file.write_bytes(encoders.bmp(bgra, width, height, 32, masks=masks))
    alpha = rgba[..., 3:] / 255
    expected = rgba[..., :3] / 255 * alpha + 1 - alpha
    assert abs(read(file).permute(1, 2, 0).numpy() - expected).max() < 1e-6
    fives = generator.integers(0, 32, (*SIZE, 3))
    rows = [(row @ [1024, 32, 1]).astype("<u2").tobytes() for row in fives[::-1]]
    file.write_bytes(encoders.bmp(b"".join(row + b"\0" * (-len(row) % 4) for row in rows), width, height, 16))
    assert abs(read(file).permute(1, 2, 0).numpy() - fives / 31).max() < 1 / 255


def test_gif_is_its_first_frame(tmp_path) -> None:
    indices = np.random.default_rng(0).integers(0, 7, SIZE).astype(np.uint8)
    colours = np.random.default_rng(1).integers(0, 256, (7, 3))
    frames = []
    for shift in (0, 3):
        frame = Image.fromarray((indices + shift) % 7).convert("P")
        frame.putpalette(colours.astype(np.uint8).tobytes())
        frames.append(frame)
    frames[0].save(
        tmp_path / "a.gif", save_all=True, append_images=frames[1:], transparency=2, optimize=False
    )
    clear = (indices == 2)[..., None]
    expected = np.where(clear, 1, colours[indices] / 255)
    assert abs(read(tmp_path / "a.gif").permute(1, 2, 0).numpy() - expected).max() < 1e-6
    assert read_picture(tmp_path / "a.gif").lost == ("all but the first page or frame",)


@pytest.mark.parametrize("form", ["webp", "jp2", "avif"])
def test_other_containers(tmp_path, form) -> None:
    if form == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    options = {"webp": {"lossless": True, "exact": True}, "avif": {"quality": 100, "subsampling": "4:4:4"}}
    rgba = np.kron(np.random.default_rng(0).integers(0, 256, (3, 4, 4)), np.ones((8, 8, 1))).astype(np.uint8)
    for mode, count in (("L", 1), ("RGB", 3), ("RGBA", 4)):
        image = Image.fromarray(rgba[..., 0] if count == 1 else rgba[..., :count])
        assert image.mode == mode
        image.save(tmp_path / f"a.{form}", **options.get(form, {}))
        values = rgba / 255
        alpha = values[..., 3:] if count == 4 else 1.0
        expected = (values[..., :1] if count == 1 else values[..., :3]) * alpha + 1 - alpha
        limit = 4 / 255 if form == "avif" else 1e-6
        assert abs(read(tmp_path / f"a.{form}").permute(1, 2, 0).numpy() - expected).max() < limit
    if form != "jp2":
        data = Image.Exif()
        data[274] = 6
        image.convert("RGB").save(tmp_path / f"b.{form}", exif=data, **options.get(form, {}))
        turned = TURNS[6](rgba[..., :3] / 255)
        assert abs(read(tmp_path / f"b.{form}").permute(1, 2, 0).numpy() - turned).max() < limit


# 0 to 15 in 4 x 4 pixels of 4 bits, and 3, 71, ... 1023 in colours of 10 bits, encoded by OpenJPEG
FOUR_BITS = (
    "/0//UQApAAAAAAAEAAAABAAAAAAAAAAAAAAABAAAAAQAAAAAAAAAAAABAwEB/1IADAAAAAEAAAQEAAH/XAAEQCD/ZAAlAAFDcmVhdGVkIGJ5"
    "IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAAAaAAH/k98gkBIPhJZC4bpt8f/Z"
)
TEN_BITS = (
    "/0//UQAvAAAAAAAEAAAABAAAAAAAAAAAAAAABAAAAAQAAAAAAAAAAAADCQEBCQEBCQEB/1IADAAAAAEBAAQEAAH/XAAEQFD/ZAAlAAFDcmVh"
    "dGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAAAnAAH/k8/MUBGDywTh2FIpWINyEigJA/bxxGQ/gID/2Q=="
)


def test_jpeg_2000_of_other_depths(tmp_path) -> None:
    (tmp_path / "a.j2k").write_bytes(base64.b64decode(FOUR_BITS))
    numbers = torch.arange(16).view(4, 4)
    assert torch.equal(read(tmp_path / "a.j2k"), (numbers / 15).expand(3, -1, -1))
    (tmp_path / "b.j2k").write_bytes(base64.b64decode(TEN_BITS))
    if importlib.util.find_spec("imagecodecs"):
        assert torch.equal(read(tmp_path / "b.j2k")[1], (numbers * 68 + 3) / 1023)
    else:  # Pillow has 0 for the brightest
        with pytest.raises(ValueError, match="needs the package imagecodecs"):
            read(tmp_path / "b.j2k")


def test_jpeg_2000_of_sixteen_bits(tmp_path) -> None:
    """Grey is right to the last bit."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(levels).save(tmp_path / "a.jp2")
    assert abs(read(tmp_path / "a.jp2")[0].numpy() - levels / 65535.0).max() < 1e-7
    data = (tmp_path / "a.jp2").read_bytes().replace(b"\0\0\0\x11", b"\0\0\0\x63")
    (tmp_path / "space.jp2").write_bytes(data)  # an enumerated space that there is not
    with pytest.raises(ValueError, match="colour space 99"):
        read(tmp_path / "space.jp2")


@pytest.mark.parametrize("orientation", TURNS)
def test_jpeg(tmp_path, orientation) -> None:
    """Blocks of one colour, which JPEG keeps within rounding."""
    ink = np.kron(np.random.default_rng(0).integers(0, 256, (2, 3, 4)), np.ones((16, 16, 1))).astype(np.uint8)
    data = Image.Exif()
    data[274] = orientation
    for mode, samples in (("L", ink[..., 0]), ("RGB", ink[..., :3]), ("CMYK", ink)):
        image = Image.fromarray(samples, mode) if mode == "CMYK" else Image.fromarray(samples)
        image.save(tmp_path / "a.jfif", "JPEG", quality=100, subsampling=0, exif=data)
        values = samples.reshape(*samples.shape[:2], -1) / 255
        expected = TURNS[orientation](meaning("cmyk" if mode == "CMYK" else "grey", values, 8))
        assert abs(read(tmp_path / "a.jfif").permute(1, 2, 0).numpy() - expected).max() < 4 / 255
        assert read_picture(tmp_path / "a.jfif").grey == (mode == "L")


def test_tiff_with_jpeg_and_fax_inside(tmp_path) -> None:
    blocks = np.kron(np.random.default_rng(0).integers(0, 256, (2, 3, 3)), np.ones((16, 16, 1))).astype(
        np.uint8
    )
    Image.fromarray(blocks).save(tmp_path / "a.tif", compression="jpeg", quality=100)
    assert abs(read(tmp_path / "a.tif").permute(1, 2, 0).numpy() - blocks / 255).max() < 5 / 255
    letters = np.random.default_rng(0).integers(0, 2, (40, 50)).astype(bool)
    for codec, photometric in itertools.product(("group3", "group4", "tiff_ccitt"), (0, 1)):
        Image.fromarray(letters).save(tmp_path / "b.tif", compression=codec, tiffinfo={262: photometric})
        assert torch.equal(read(tmp_path / "b.tif")[0], torch.from_numpy(letters).float())


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_predictors(tmp_path, bits, order) -> None:
    real = bits == 32
    samples = random(3, bits, real)
    expected = samples if real else samples / (2**bits - 1)
    for number, (planar, tiled) in enumerate(itertools.product((False, True), repeat=2)):
        data = encoders.tiff(
            samples,
            bits,
            2,
            order=order,
            planar=planar,
            tiled=tiled,
            compression=[5, 8][number % 2],
            predictor=3 if real else 2,
        )
        (tmp_path / "a.tif").write_bytes(data)
        assert abs(read(tmp_path / "a.tif").permute(1, 2, 0).numpy() - expected).max() < 1e-6


def test_what_a_tiff_may_not_be(tmp_path) -> None:
    file, grey = tmp_path / "a.tif", random(1, 8, False)
    bad = {
        "signed integers": encoders.tiff(grey, 8, 1, tags={339: (3, [2])}),
        "photometric interpretation 4": encoders.tiff(grey, 8, 4),
        "inks other than": encoders.tiff(random(4, 8, False), 8, 5, tags={332: (3, [2])}),
        "different bits": encoders.tiff(random(3, 8, False), 8, 2, tags={258: (3, [5, 6, 5])}),
        "fewer samples of colour": encoders.tiff(random(3, 8, False), 8, 6, tags={530: (3, [2, 2])}),
        "reference values": encoders.tiff(
            random(3, 8, False),
            8,
            6,
            tags={530: (3, [1, 1]), 532: (5, [16, 1, 235, 1] + [128, 1, 240, 1] * 2)},
        ),
        "camera raw": encoders.tiff(grey, 8, 1, tags={50706: (1, [1, 4, 0, 0])}),
        "compression 34887": encoders.tiff(grey, 8, 1, tags={259: (4, [34887])}),
        "is truncated": encoders.tiff(grey, 8, 1)[:-30],
        "premultiplied|multiplied": encoders.tiff(random(2, 8, False), 8, 0, tags={338: (3, [1])}),
        "32-bit integers": encoders.tiff(grey, 8, 1, tags={258: (3, [32])}),
    }
    for message, data in bad.items():
        file.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            read(file)
    file.write_bytes(encoders.tiff(grey, 8, 1))
    assert torch.equal(read(file)[0], torch.from_numpy(grey[..., 0] / 255).float())


@pytest.mark.parametrize("scale", [1, 256, 257])
def test_palettes_of_tiff_as_they_are_written(tmp_path, scale) -> None:
    """TIFF says 65535 is white; Pillow shifts 8 bits up, others leave them as they are."""
    palette = np.random.default_rng(0).integers(0, 256, (16, 3))
    palette[:2] = [[0, 0, 0], [255, 255, 255]]
    indices = random(1, 4, False)
    tags = {320: (3, (palette * scale).T.ravel().tolist())}
    (tmp_path / "a.tif").write_bytes(encoders.tiff(indices, 4, 3, tags=tags))
    expected = palette[indices[..., 0]] / 255
    assert abs(read(tmp_path / "a.tif").permute(1, 2, 0).numpy() - expected).max() < 1e-6
    assert read_picture(tmp_path / "a.tif").bits == 8


def test_pillow_images_of_every_mode() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    image = Image.fromarray(rgb)
    modes = ["1", "L", "P", "RGB", "RGBX", "RGBA", "RGBa", "LA", "La", "PA", "CMYK", "YCbCr", "HSV"]
    for mode in modes:
        step = {"La": "LA", "RGBa": "RGBA", "PA": "P", "P": "P"}.get(mode)
        one = image.quantize(16) if step == "P" else image.convert(step) if step else image
        if mode in ("La", "RGBa"):
            one.putalpha(Image.fromarray(rgb[..., 0]))
        one = one.convert(mode)
        plain = one.convert({"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}.get(mode, mode)).convert("RGBA")
        white = Image.new("RGBA", plain.size, "white")
        expected = np.asarray(Image.alpha_composite(white, plain).convert("RGB")) / 255.0
        found = as_images(one)[0].permute(1, 2, 0).numpy()
        limit = {"YCbCr": 2, "HSV": 4, "RGBa": 2, "La": 2}.get(mode, 0.01)  # levels; Pillow rounds to 8 bits
        assert abs(found - expected).max() < limit / 255, mode
    with pytest.raises(ValueError, match="mode I"):
        as_images(image.convert("I"))
    deep = np.random.default_rng(0).integers(0, 65536, (6, 8)).astype(np.uint16)
    assert torch.equal(as_images(Image.fromarray(deep)), as_images(deep))


def _pastel() -> np.ndarray:
    """Colours near grey: littleCMS interpolates in a table, which is coarse where colours are strong."""
    generator = np.random.default_rng(0)
    levels = generator.integers(80, 200, (30, 30, 1)) + generator.integers(-20, 20, (30, 30, 3))
    return levels.astype(np.uint8)


def test_lab_agrees_with_littlecms(tmp_path) -> None:
    rgb = Image.fromarray(_pastel())
    profiles = [ImageCms.createProfile(space) for space in ("sRGB", "LAB")]
    lab = ImageCms.profileToProfile(rgb, *profiles, outputMode="LAB", renderingIntent=1)
    back = ImageCms.profileToProfile(lab, *profiles[::-1], outputMode="RGB", renderingIntent=1)
    expected = torch.from_numpy(np.asarray(back) / 255.0).permute(2, 0, 1).float()
    assert (as_images(lab)[0] - expected).abs().max() < 2.5 / 255
    assert (as_images(lab)[0] - expected).abs().mean() < 0.5 / 255
    lab.save(tmp_path / "a.tif")
    assert torch.equal(read(tmp_path / "a.tif"), as_images(lab)[0])


def test_an_image_that_says_how_it_is_turned() -> None:
    file, data = io.BytesIO(), Image.Exif()
    data[274] = 6
    array = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    Image.fromarray(array).save(file, "PNG", exif=data)
    turned = torch.from_numpy(TURNS[6](array / 255).copy()).permute(2, 0, 1).float()
    assert torch.equal(as_images(Image.open(file))[0], turned)


@pytest.mark.parametrize(
    ("name", "start", "package"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "pillow-heif"),
        ("a.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "pillow-heif"),
        ("a.dng", b"II*\0\x08\0\0\0", "rawpy"),
        ("a.CR2", b"II*\0\x10\0\0\0CR\x02\0", "rawpy"),
        ("b.cr3", b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "rawpy"),
        ("a.tif", b"II*\0\x10\0\0\0CR\x02\0", "rawpy"),
        ("a.raf", b"FUJIFILMCCD-RAW ", "rawpy"),
    ],
)
def test_pictures_of_phones_and_cameras_name_the_package(tmp_path, monkeypatch, name, start, package) -> None:
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    (tmp_path / name).write_bytes(start + bytes(100))
    with pytest.raises(ValueError, match=f"needs the package {package}: pip install {package}") as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_heif_where_its_package_is(tmp_path) -> None:
    heif = pytest.importorskip("pillow_heif")
    blocks = np.kron(np.random.default_rng(0).integers(0, 1024, (2, 3, 3)), np.ones((16, 16, 1))).astype(
        np.uint16
    )
    made = heif.from_bytes(mode="RGB;16", size=(48, 32), data=(blocks << 6).tobytes())
    made.save(tmp_path / "a.heic", quality=-1, chroma=444)
    assert abs(read(tmp_path / "a.heic").permute(1, 2, 0).numpy() - blocks / 1023).max() < 1.5 / 1023
    assert read_picture(tmp_path / "a.heic").bits == 16


def test_raw_where_its_package_is(tmp_path) -> None:
    pytest.importorskip("rawpy")
    mosaic = np.random.default_rng(0).integers(200, 4000, (64, 64))[..., None]
    unit = [n for i in range(9) for n in (int(i % 4 == 0), 1)]
    tags = {
        **{50706: (1, [1, 4, 0, 0]), 33421: (3, [2, 2]), 33422: (1, [0, 1, 1, 2]), 50708: (2, b"camera\0")},
        **{50721: (5, unit), 50714: (3, [0]), 50717: (3, [4095])},
    }
    (tmp_path / "a.dng").write_bytes(encoders.tiff(mosaic, 16, 32803, tags=tags))
    assert read(tmp_path / "a.dng").shape == (3, 64, 64)


def test_odd_pictures_give_no_warning(tmp_path) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(encoders.tiff(random(1, 8, False), 8, 1, tags={34000: (2, b"odd\0")}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(file).shape == (3, *SIZE)
