// Drawing: a panel with axes that collects SVG marks. Everything is a string; the frame puts it into the page.

/** Okabe-Ito: tells things apart for colour-blind readers too. One meaning each, in every widget. */
export const COLOUR = {
  clean: "#0072B2", degraded: "#D55E00", noise: "#009E73", naive: "#CC79A7", clipped: "#E69F00", ink: "#222", grid: "#ddd", soft: "#666",
};
/** The same hues, dark enough for letters. */
export const WORDS = { clean: "#0072B2", degraded: "#B04A00", noise: "#00664A", naive: "#A04878", clipped: "#8A5A00" };

export const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const minus = (text) => text.replace("-", "\u2212");

/** A number for people: three decimals, thousands grouped, tiny ones as powers of ten. */
export function format(value) {
  const size = Math.abs(value);
  if (size < 1e-12) return "0";
  if (size < 5e-4) {
    const [digits, power] = value.toExponential(1).split("e");
    return minus(digits) + "\u00b710" + [...power].map((c) => "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c] ?? "\u207b").join("");
  }
  if (size >= 1e4) return minus(Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f"));
  return minus(value.toFixed(size >= 100 ? 1 : 3));
}

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Bold words in a picture, outside of a panel. */
export const heading = (left, top, words, size = 13) => `<text x="${left}" y="${top}" font-size="${size}" font-weight="600" fill="${COLOUR.ink}">${escape(words)}</text>`;

export const pen = (colour, width = 2, dash = "") =>
  `fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"${dash && ` stroke-dasharray="${dash}"`}`;
export const fill = (colour, opacity = 1) => `fill="${colour}" fill-opacity="${opacity}"`;

/** Round numbers between low and high, about `count` of them. */
export function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((k) => k * power >= raw * 0.999) * power;
  const values = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) values.push(+(k * step).toPrecision(12));
  return values;
}

/** The smallest of 1, 2, 5, 10, ... that is at least `value`: an axis end that does not jitter. */
export function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 5, 7, 10].find((k) => k * power >= value * 0.999999) * power;
}

/** Boxes side by side while each has `least` pixels, else below one another. */
export function boxes(width, count, least, gap = 12) {
  const columns = Math.min(count, Math.max(1, Math.floor((width + gap) / (least + gap))));
  const size = (width - gap * (columns - 1)) / columns;
  return Array.from({ length: count }, (_, i) => ({ row: Math.floor(i / columns), left: (i % columns) * (size + gap), width: size }));
}

export class Panel {
  /** left, top, width, height: the drawing area in pixels; x, y: the intervals it shows. */
  constructor({ left, top, width, height, x, y }) {
    Object.assign(this, { left, top, width, height, x, y });
    this.inside = "";
    this.outside = "";
  }

  /** A panel with one scale on both axes that shows at least `reach` around `centre` in each direction. */
  static square({ left, top, width, height, centre, reach }) {
    const unit = Math.min(width, height) / (2 * reach);
    const interval = (c, pixels) => [c - pixels / (2 * unit), c + pixels / (2 * unit)];
    return new Panel({ left, top, width, height, x: interval(centre[0], width), y: interval(centre[1], height) });
  }

  px(value) { return this.left + ((value - this.x[0]) / (this.x[1] - this.x[0])) * this.width; }
  py(value) { return this.top + this.height - ((value - this.y[0]) / (this.y[1] - this.y[0])) * this.height; }
  at([x, y]) { return `${this.px(x).toFixed(2)},${this.py(y).toFixed(2)}`; }

  path(points, style, close = "") { this.inside += `<path d="M${points.map((p) => this.at(p)).join("L")}${close}" ${style}/>`; }
  sampled(f, [low, high] = this.x, count = 200) {
    return Array.from({ length: count + 1 }, (_, i) => low + ((high - low) * i) / count).map((x) => [x, f(x)]);
  }
  curve(f, style, interval) { this.path(this.sampled(f, interval), style); }
  area(f, style, interval = this.x) {
    this.path([[interval[0], 0], ...this.sampled(f, interval), [interval[1], 0]], style, "Z");
  }
  segment(from, to, style) { this.path([from, to], style); }
  rectangle([x0, y0], [x1, y1], style) {
    const [left, top] = [Math.min(this.px(x0), this.px(x1)), Math.min(this.py(y0), this.py(y1))];
    const [width, height] = [Math.abs(this.px(x1) - this.px(x0)), Math.abs(this.py(y1) - this.py(y0))];
    this.inside += `<rect x="${left}" y="${top}" width="${width}" height="${height}" ${style}/>`;
  }
  dots(points, radius, style) {
    this.inside += points.map(([x, y]) => `<circle cx="${this.px(x).toFixed(2)}" cy="${this.py(y).toFixed(2)}" r="${radius}" ${style}/>`).join("");
  }
  arrow(from, to, colour, width = 1.5) {
    const [x0, y0, x1, y1] = [this.px(from[0]), this.py(from[1]), this.px(to[0]), this.py(to[1])];
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length < 0.5) return;
    const [ux, uy, head] = [(x1 - x0) / length, (y1 - y0) / length, Math.min(7, length)];
    const [bx, by] = [x1 - head * ux, y1 - head * uy];
    this.inside += `<line x1="${x0}" y1="${y0}" x2="${bx}" y2="${by}" ${pen(colour, width)}/>` +
      `<path d="M${x1},${y1}L${bx - 3.5 * uy},${by + 3.5 * ux}L${bx + 3.5 * uy},${by - 3.5 * ux}Z" ${fill(colour)}/>`;
  }
  /** The ellipse `centre + radius * half * (unit circle)`, with half a square root of the covariance. */
  ellipse([cx, cy], [[a, b], [c, d]], radius, style) {
    const points = Array.from({ length: 73 }, (_, i) => [Math.cos((i * Math.PI) / 36), Math.sin((i * Math.PI) / 36)]);
    this.path(points.map(([s, t]) => [cx + radius * (a * s + b * t), cy + radius * (c * s + d * t)]), style, "Z");
  }
  /** Text at a data point, moved by pixels; a white rim keeps it readable over lines. */
  text([x, y], words, { colour = COLOUR.ink, anchor = "start", dx = 0, dy = 0, size = 13, weight = 400 } = {}) {
    this.outside += `<text x="${(this.px(x) + dx).toFixed(1)}" y="${(this.py(y) + dy).toFixed(1)}" fill="${colour}" text-anchor="${anchor}" ` +
      `font-size="${size}" font-weight="${weight}" paint-order="stroke" stroke="#fff" stroke-width="3" stroke-linejoin="round">${escape(words)}</text>`;
  }
  corner(words, colour) { this.text([this.x[0], this.y[1]], words, { colour, dx: 4, dy: 15, weight: 600 }); }
  title(words, dy = -9) { this.text([(this.x[0] + this.x[1]) / 2, this.y[1]], words, { anchor: "middle", dy, weight: 600 }); }
  /** Coloured names in one row, from the left end at height `y`, moved down by dy pixels. */
  legend(entries, y, dy = 0) {
    const spans = entries.map(([words, colour], i) => `<tspan dx="${i && 14}" fill="${colour}">${escape(words)}</tspan>`).join("");
    this.outside += `<text x="${this.left + 4}" y="${this.py(y) + dy}" font-size="13" font-weight="600" paint-order="stroke" stroke="#fff" stroke-width="3">${spans}</text>`;
  }

  horizontalAxis(title, values = ticks(...this.x, Math.min(10, this.width / 40)), label = (v) => minus(String(v))) {
    const base = this.top + this.height;
    this.outside += `<line x1="${this.left}" x2="${this.left + this.width}" y1="${base}" y2="${base}" ${pen(COLOUR.soft, 1)}/>`;
    for (const value of values) {
      this.outside += `<line x1="${this.px(value)}" x2="${this.px(value)}" y1="${base}" y2="${base + 4}" ${pen(COLOUR.soft, 1)}/>`;
      this.text([value, this.y[0]], label(value), { anchor: "middle", dy: 17, size: 12, colour: COLOUR.soft });
    }
    this.text([(this.x[0] + this.x[1]) / 2, this.y[0]], title, { anchor: "middle", dy: 34, size: 12.5, colour: COLOUR.soft });
  }
  verticalAxis(values, label = (v) => minus(String(v))) {
    for (const value of values) {
      this.inside += `<line x1="${this.left}" x2="${this.left + this.width}" y1="${this.py(value)}" y2="${this.py(value)}" ${pen(COLOUR.grid, 1)}/>`;
      this.text([this.x[0], value], label(value), { anchor: "end", dx: -5, dy: 4, size: 12, colour: COLOUR.soft });
    }
  }
  border() {
    this.outside += `<rect x="${this.left}" y="${this.top}" width="${this.width}" height="${this.height}" ${pen(COLOUR.grid, 1)}/>`;
  }
  /** Thin lines through the origin of a panel with two data axes, and its title above. */
  cross(title) {
    this.segment([this.x[0], 0], [this.x[1], 0], pen("#e4e4e4", 1));
    this.segment([0, this.y[0]], [0, this.y[1]], pen("#e4e4e4", 1));
    this.title(title, -7);
    this.border();
  }

  svg() {
    const { left, top, width, height } = this;
    return `<svg role="presentation" x="${left}" y="${top}" width="${width}" height="${height}" viewBox="${left} ${top} ${width} ${height}" overflow="hidden">${this.inside}</svg>${this.outside}`;
  }
}
