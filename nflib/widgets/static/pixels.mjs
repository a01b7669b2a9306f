// Colour images as strings that an SVG can show.

/** A data address of an image (3, height, width) of values in [0, 1], row after row; what is outside is cut. 24-bit BMP. */
export function bitmap(values, height, width) {
  const row = Math.ceil((3 * width) / 4) * 4;
  const bytes = new Uint8Array(54 + row * height);
  const header = new DataView(bytes.buffer);
  header.setUint16(0, 0x424d);
  [[2, bytes.length], [10, 54], [14, 40], [18, width], [22, height]].forEach(([at, value]) => header.setUint32(at, value, true));
  header.setUint16(26, 1, true);
  header.setUint16(28, 24, true);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // the lowest row first, and blue before green before red
      const at = 54 + (height - 1 - y) * row + 3 * x;
      for (let c = 0; c < 3; c++) bytes[at + c] = Math.round(255 * Math.min(1, Math.max(0, values[((2 - c) * height + y) * width + x])));
    }
  }
  return `data:image/bmp;base64,${btoa(String.fromCharCode(...bytes))}`;
}

/** An image in an SVG, its pixels as squares. */
export const picture = (values, [, height, width], left, top, side) =>
  `<image x="${left}" y="${top}" width="${side}" height="${(side * height) / width}" style="image-rendering:pixelated" href="${bitmap(values, height, width)}"/>`;
