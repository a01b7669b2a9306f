// The conditional flow of nflib.models, run in the browser: what nflib/widgets/flow_export.py wrote is loaded once, then images
// become latents and latents images. Numbers are double precision, so that they are Python's.

import { normals } from "./prng.mjs";

/** What Python packed: { shape, half, data }, `data` being little-endian float16 or float32 in base64. */
export function unpack({ shape, half, data }) {
  const text = atob(data);
  const view = new DataView(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer);
  const values = new Float64Array(text.length / (half ? 2 : 4));
  for (let i = 0; i < values.length; i++) values[i] = half ? float16(view.getUint16(2 * i, true)) : view.getFloat32(4 * i, true);
  return { shape, values };
}

function float16(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;
}

/** The flow, ready to run: { levels, centre, shape, latents }, `latents` being the shapes [channels, height, width] of its latents. */
export function load({ sizes, weights, known, centre }) {
  const value = (name) => unpack(weights[name]).values;
  const layer = (name, actnorm, mixing) => {
    const weight = value(`${name}.${mixing}.weight`);
    return { bias: value(`${name}.${actnorm}.bias`), scale: value(`${name}.${actnorm}.log_scale`).map(Math.exp), weight, inverse: inverse(weight) };
  };
  const convolution = (name) => ({
    weight: value(`${name}.weight`), bias: value(`${name}.bias`), scale: value(`${name}.log_scale`).map((s) => Math.exp(3 * s)),
  });
  const norm = (name) => ({ bias: value(`${name}.bias`), scale: value(`${name}.log_scale`).map(Math.exp) });
  const step = (name, [raw, shift, part]) => ({
    ...layer(name, "actnorm", "mixing"),
    injector: { factor: unpack(raw).values.map(factorOf), shift: unpack(shift).values },
    net: {
      part: unpack(part).values, first: value(`${name}.coupling.first`), normFirst: norm(`${name}.coupling.norm_first`),
      second: value(`${name}.coupling.second`), normSecond: norm(`${name}.coupling.norm_second`), last: convolution(`${name}.coupling.last`),
    },
  });
  const latents = [];
  const levels = known.map((steps, l) => {
    const [, channels, height, width] = steps[0][0].shape;
    const name = `levels.${l}`;
    const split = `${name}.split.net.conv.weight` in weights ? convolution(`${name}.split.net.conv`) : null;
    if (split || l === known.length - 1) latents.push([split ? channels / 2 : channels, height, width]);
    return {
      channels, height, width, split,
      transitions: Array.from({ length: sizes.transitions }, (_, i) => layer(`${name}.transitions.${i}.transforms`, 0, 1)),
      steps: steps.map((one, i) => step(`${name}.steps.${i}`, one)),
    };
  });
  return { levels, latents, shape: [3, 2 * levels[0].height, 2 * levels[0].width], centre: centre && unpack(centre).values };
}

/** Standard normal latents of a seed, times tau: one Float64Array for each of the flow's latents, the finest first. */
export function noise(flow, seed, tau = 1) {
  const sizes = flow.latents.map(([c, h, w]) => c * h * w);
  const all = Float64Array.from(normals(sizes.reduce((a, b) => a + b), seed), (v) => tau * v);
  let start = 0;
  return sizes.map((size) => all.slice(start, (start += size)));
}

/** The latents of an image: of (3, height, width) values, row after row, one Float64Array each, the finest first. */
export function encode(flow, image) {
  const found = [];
  let x = flow.centre ? image.map((v, i) => v - flow.centre[i]) : image;
  for (const level of flow.levels) {
    x = squeeze(x, level);
    const size = level.height * level.width;
    for (const layer of level.transitions) x = mixed(normalised(x, layer, size), layer.weight, size);
    for (const layer of level.steps) {
      x = mixed(normalised(x, layer, size), layer.weight, size);
      const { factor, shift } = layer.injector;
      x.forEach((v, i) => { x[i] = v * factor[i] + shift[i]; });
      affine(x, level, couplingNet(layer.net, x, level), (v, f, t) => v * f + t);
    }
    if (level.split) {
      affine(x, level, splitNet(level.split, x, level), (v, f, t) => v * f + t);
      const stay = (level.channels / 2) * size;
      found.push(x.slice(stay));
      x = x.slice(0, stay);
    }
  }
  return [...found, x];
}

/** The image (3, height, width) of latents; it undoes encode. */
export function decode(flow, latents) {
  const left = [...latents];
  let x = left.pop();
  for (const level of [...flow.levels].reverse()) {
    const size = level.height * level.width;
    if (level.split) {
      const leaving = left.pop();
      const all = new Float64Array(x.length + leaving.length);
      all.set(x);
      all.set(leaving, x.length);
      x = all;
      affine(x, level, splitNet(level.split, x, level), (v, f, t) => (v - t) / f);
    } else {
      x = Float64Array.from(x);
    }
    for (const layer of [...level.steps].reverse()) {
      affine(x, level, couplingNet(layer.net, x, level), (v, f, t) => (v - t) / f);
      const { factor, shift } = layer.injector;
      x.forEach((v, i) => { x[i] = (v - shift[i]) / factor[i]; });
      x = denormalised(mixed(x, layer.inverse, size), layer, size);
    }
    for (const layer of [...level.transitions].reverse()) x = denormalised(mixed(x, layer.inverse, size), layer, size);
    x = unsqueeze(x, level);
  }
  return flow.centre ? x.map((v, i) => v + flow.centre[i]) : x;
}

// BoundedScale: log scale 2 tanh(raw / 2).
const factorOf = (raw) => Math.exp(2 * Math.tanh(raw / 2));

/** Changes the second half of the channels of x in place by what a network says: its output is shift, raw, shift, raw, ... */
function affine(x, { channels, height, width }, output, change) {
  const size = height * width;
  const first = channels / 2;
  for (let c = first; c < channels; c++) {
    const from = 2 * (c - first) * size;
    for (let i = 0; i < size; i++) x[c * size + i] = change(x[c * size + i], factorOf(output[from + size + i]), output[from + i]);
  }
}

function couplingNet({ part, first, normFirst, second, normSecond, last }, x, { channels, height, width }) {
  const size = height * width;
  const hidden = part.length / size;
  let h = Float64Array.from(part);
  convolve(h, x, first, channels / 2, height, width);
  h = rectified(normalised(h, normFirst, size));
  h = rectified(normalised(mixed(h, second, size), normSecond, size));
  return scaled(last, h, hidden, height, width);
}

const splitNet = (convolution, x, { channels, height, width }) => scaled(convolution, x, channels / 2, height, width);

/** A 3x3 convolution with bias, then a scale per channel. */
function scaled({ weight, bias, scale }, x, inputs, height, width) {
  const size = height * width;
  const out = new Float64Array(bias.length * size);
  bias.forEach((b, o) => out.fill(b, o * size, (o + 1) * size));
  convolve(out, x, weight, inputs, height, width);
  return out.map((v, i) => v * scale[Math.floor(i / size)]);
}

/** Adds to `out`, of an even number of channels, the 3x3 convolution of the first `inputs` channels of x, zeros beyond the border. */
function convolve(out, x, weight, inputs, height, width) {
  const [size, row] = [height * width, width + 2];
  const padded = new Float64Array(inputs * (height + 2) * row);
  for (let c = 0; c < inputs; c++) {
    for (let y = 0; y < height; y++) {
      const from = c * size + y * width;
      padded.set(x.subarray(from, from + width), (c * (height + 2) + y + 1) * row + 1);
    }
  }
  // two outputs at a time, so that each input is read half as often
  for (let o = 0; o < out.length / size; o += 2) {
    for (let c = 0; c < inputs; c++) {
      const k = 9 * (o * inputs + c);
      const [a, b, d, e, f, g, p, q, r] = weight.subarray(k, k + 9);
      const [A, B, D, E, F, G, P, Q, R] = weight.subarray(k + 9 * inputs, k + 9 * inputs + 9);
      for (let y = 0; y < height; y++) {
        let i = (c * (height + 2) + y) * row;
        let j = i + row;
        let l = j + row;
        let to = o * size + y * width;
        for (const end = to + width; to < end; to++, i++, j++, l++) {
          const i0 = padded[i], i1 = padded[i + 1], i2 = padded[i + 2];
          const j0 = padded[j], j1 = padded[j + 1], j2 = padded[j + 2];
          const l0 = padded[l], l1 = padded[l + 1], l2 = padded[l + 2];
          out[to] += a * i0 + b * i1 + d * i2 + e * j0 + f * j1 + g * j2 + p * l0 + q * l1 + r * l2;
          out[to + size] += A * i0 + B * i1 + D * i2 + E * j0 + F * j1 + G * j2 + P * l0 + Q * l1 + R * l2;
        }
      }
    }
  }
}

/** W x at every position; W, row after row, has as many columns as x has channels: an even number. */
export function mixed(x, weight, size) {
  const inputs = x.length / size;
  const out = new Float64Array((weight.length / inputs) * size);
  for (let o = 0; o < weight.length / inputs; o++) {
    for (let c = 0; c < inputs; c += 2) {
      const v = weight[o * inputs + c], w = weight[o * inputs + c + 1];
      const end = (o + 1) * size;
      for (let to = o * size, i = c * size, j = i + size; to < end; to++, i++, j++) out[to] += v * x[i] + w * x[j];
    }
  }
  return out;
}

const normalised = (x, { bias, scale }, size) => x.map((v, i) => (v + bias[Math.floor(i / size)]) * scale[Math.floor(i / size)]);
const denormalised = (x, { bias, scale }, size) => x.map((v, i) => v / scale[Math.floor(i / size)] - bias[Math.floor(i / size)]);
const rectified = (x) => x.map((v) => (v > 0 ? v : 0));

/** Channel c at offset (dy, dx) of each 2x2 block becomes channel 4c + 2dy + dx. */
function squeeze(x, { channels, height, width }) {
  const out = new Float64Array(x.length);
  places(channels, height, width, (fine, coarse) => { out[coarse] = x[fine]; });
  return out;
}

function unsqueeze(x, { channels, height, width }) {
  const out = new Float64Array(x.length);
  places(channels, height, width, (fine, coarse) => { out[fine] = x[coarse]; });
  return out;
}

function places(channels, height, width, pair) {
  for (let c = 0; c < channels; c++) {
    const [dy, dx] = [(c >> 1) & 1, c & 1];
    for (let y = 0; y < height; y++) {
      for (let n = 0; n < width; n++) pair(((c >> 2) * 2 * height + 2 * y + dy) * 2 * width + 2 * n + dx, (c * height + y) * width + n);
    }
  }
}

/** The inverse of a square matrix, row after row: Gauss and Jordan, with the largest pivot of the column. */
function inverse(matrix) {
  const n = Math.sqrt(matrix.length);
  const rows = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(2 * n);
    row.set(matrix.subarray(i * n, (i + 1) * n));
    row[n + i] = 1;
    return row;
  });
  for (let c = 0; c < n; c++) {
    let best = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(rows[r][c]) > Math.abs(rows[best][c])) best = r;
    [rows[c], rows[best]] = [rows[best], rows[c]];
    const pivot = rows[c].map((v) => v / rows[c][c]);
    rows[c] = pivot;
    rows.forEach((row, r) => {
      const share = row[c];
      if (r !== c && share) for (let k = c; k < 2 * n; k++) row[k] -= share * pivot[k];
    });
  }
  const out = new Float64Array(n * n);
  rows.forEach((row, i) => out.set(row.subarray(n), i * n));
  return out;
}
