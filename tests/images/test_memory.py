"""A photo of 48 megapixels is read within the bytes that are stated."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from nflib.images import png

HEIGHT, WIDTH = 6000, 8000
BYTES_A_PIXEL = 20  # what read() states, for photos of 8 and 16 bits
READ = """
import json, sys
from pathlib import Path
from nflib.images import read, read_picture
from PIL import Image
import tifffile
def most():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = most()
image = read(sys.argv[1])
print(json.dumps([list(image.shape), most() - before, image[1, [0, 100], 0].tolist()]))
"""


def photo(kind: str) -> bytes:
    """Each row of one level, its number."""
    levels = np.broadcast_to(np.arange(HEIGHT, dtype=np.uint16)[:, None, None], (HEIGHT, WIDTH, 3))
    file = io.BytesIO()
    if kind == "jpeg":
        Image.fromarray(levels.astype(np.uint8)).save(file, "JPEG", quality=50)
    elif kind == "tiff":
        tifffile.imwrite(file, levels, photometric="rgb", rowsperstrip=100, compression="zlib")
    else:
        return png.encode(levels, b"")
    return file.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize(("kind", "white"), [("jpeg", 255), ("tiff", 65535), ("png", 65535)])
def test_48_megapixels(tmp_path, kind, white) -> None:
    file = tmp_path / f"a.{kind}"
    file.write_bytes(photo(kind))
    command = [sys.executable, "-c", READ, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    shape, used, values = json.loads(done.stdout)
    assert shape == [3, HEIGHT, WIDTH]
    assert values == pytest.approx([0, 100 / white], abs=2 / white)
    assert 12 < used / (HEIGHT * WIDTH) < BYTES_A_PIXEL
