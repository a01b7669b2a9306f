// Which of two crops looks more realistic? A question at a time, and the scores that follow from the choices.

import { fit } from "./bradley_terry.mjs";
import { COLOUR, Panel, escape, fill, heading, pen } from "./plot.mjs";
import { uniforms } from "./prng.mjs";

const GAP = 10;
const NARROW = 560;
const RED = "#D00000"; // as in the paper
const INTERVAL = 1.959963984540054; // half of a 95 % interval, in standard deviations

/** All questions in the order of the seed: indices of photo and crop, and the methods on the two sides. */
function questions({ scene, seed }) {
  const asked = scene.photos.flatMap(({ crops }, photo) => crops.flatMap((_, crop) =>
    scene.methods.flatMap((_, left) => scene.methods.slice(left + 1).map((_, k) => ({ photo, crop, left, right: left + 1 + k })))));
  const next = uniforms(seed);
  const places = asked.map(next);
  const sides = asked.map(next);
  for (let i = asked.length - 1; i > 0; i--) {
    const j = Math.floor(places[i] * (i + 1));
    [asked[i], asked[j]] = [asked[j], asked[i]];
  }
  return asked.map((q, i) => (sides[i] < 0.5 ? { ...q, left: q.right, right: q.left } : q));
}

const identity = ({ photo, crop, left, right }) => JSON.stringify([photo, crop, [left, right].sort()]);

/** A question as it is recorded, but for the choice. */
function record({ scene, seed }, { photo, crop, left, right }) {
  const { top, left: column } = scene.photos[photo].crops[crop];
  return { time: new Date().toISOString(), seed, photo: scene.photos[photo].name, crop: [top, column, scene.side], left: scene.methods[left], right: scene.methods[right] };
}

function wins({ scene: { methods }, choices }) {
  const counts = methods.map(() => methods.map(() => 0));
  for (const { left, right, chosen } of choices) counts[methods.indexOf(chosen)][methods.indexOf(chosen === left ? right : left)] += 1;
  return counts;
}

function solve(state) {
  const asked = questions(state);
  const answered = new Set(state.choices.filter(({ seed }) => seed === state.seed).map(identity));
  const left = asked.filter((question) => !answered.has(identity(record(state, question))));
  const found = state.choices.length >= state.enough ? fit(wins(state)) : null;
  const scores = found && state.scene.methods
    .map((name, i) => ({ name, score: found.scores[i], reach: INTERVAL * Math.sqrt(found.covariance[i][i]) }))
    .sort((a, b) => b.score - a.score);
  return {
    question: left[0] ?? null, total: asked.length, scores,
    choices: state.choices.length,
    remaining: left.length,
    spread: scores ? scores[0].score - scores.at(-1).score : 0,
  };
}

const choose = (side) => (state) => {
  const { question } = solve(state);
  const made = record(state, question);
  return { choices: [...state.choices, { ...made, chosen: made[side] }] };
};

const two = (value) => value.toFixed(2).replace("-", "\u2212");
const words = ({ score, reach }) => `${two(score)} (${two(score - reach)} to ${two(score + reach)})`;

const image = (address, left, top, width, height, more = "") =>
  `<image x="${left}" y="${top}" width="${width}" height="${height}" preserveAspectRatio="none" href="${escape(address)}" ${more}/>`;

/** The whole photo in a box, its crop marked. */
function marked({ whole, width, height }, { top, left }, side, x, y, room) {
  const scale = Math.min(room[0] / width, room[1] / height);
  const frame = `x="${x + scale * left}" y="${y + scale * top}" width="${scale * side}" height="${scale * side}"`;
  return image(whole, x, y, scale * width, scale * height) + `<rect ${frame} ${pen("#fff", 4)}/><rect ${frame} ${pen(RED, 2)}/>`;
}

/** A question in a width: the whole photo beside the crops, or above them. */
function asked({ scene }, { photo, crop, left, right }, number, total, width) {
  const { photos, side } = scene;
  const shown = photos[photo].crops[crop];
  const wide = width >= NARROW;
  const most = 0.36 * (width - 2 * GAP);
  // Whole screen pixels for each of the crop's, where there is room.
  const size = !wide ? (width - GAP) / 2 : side > most ? most : side * Math.floor(most / side);
  const room = wide ? [width - 2 * size - 2 * GAP, size] : [width, 170];
  const scale = Math.min(room[0] / photos[photo].width, room[1] / photos[photo].height);
  const top = wide ? 22 : scale * photos[photo].height + 52;
  const crops = [["left", left], ["right", right]].map(([name, method], i) => {
    const x = (wide ? room[0] + GAP : 0) + i * (size + GAP);
    return heading(x, top - 7, name) + image(shown.images[method], x, top, size, size, `data-press="${name}" style="image-rendering:pixelated"`);
  });
  return {
    height: top + size + 8,
    body: heading(0, 15, `Question ${number} of ${total}`) + marked(photos[photo], shown, side, 0, 22, room) + crops.join(""),
  };
}

function ranked(scores, number, top, width) {
  const low = Math.min(...scores.map(({ score, reach }) => score - reach));
  const high = Math.max(...scores.map(({ score, reach }) => score + reach));
  const below = width < NARROW ? 15 : 0; // there the numbers go under the name, not beside it
  const row = 38 + below;
  const height = row * scores.length + 6;
  const panel = new Panel({ left: 8, top, width: width - 16, height, x: [low - 0.04 * (high - low), high + 0.04 * (high - low)], y: [height, 0] });
  panel.segment([0, 0], [0, height], pen(COLOUR.grid, 1));
  scores.forEach((one, i) => {
    const y = row * i + 28 + below;
    panel.segment([one.score - one.reach, y], [one.score + one.reach, y], pen(COLOUR.clean, 2.5));
    panel.dots([[one.score, y]], 4.5, fill(COLOUR.clean));
    panel.text([panel.x[0], y - 11 - below], one.name, { weight: 600 });
    panel.text([panel.x[below ? 0 : 1], y - 11], words(one), { anchor: below ? "start" : "end", size: 12 });
  });
  panel.horizontalAxis(`score after ${number} choices, with its 95 % interval`);
  return { height: height + 40, body: panel.svg() };
}

function draw(state, { question, total, remaining, scores, choices }, width) {
  const above = question
    ? asked(state, question, total - remaining + 1, total, width)
    : { height: 26, body: heading(0, 17, `All ${total} questions are answered. Thank you.`, 15) };
  const below = scores
    ? ranked(scores, choices, above.height + 10, width)
    : { height: 16, body: `<text x="0" y="${above.height + 15}" font-size="13" fill="${COLOUR.soft}">Scores are shown after ${state.enough} choices that connect all methods.</text>` };
  return { height: above.height + 10 + below.height, body: above.body + below.body };
}

function summary(state, { question, total, remaining, scores, choices }) {
  const { side } = state.scene;
  const start = question
    ? `Question ${total - remaining + 1} of ${total}: the whole photo with a red mark, and the marked crop of ${side} by ${side} pixels as two methods made it, which are not named.`
    : `All ${total} questions are answered. Thank you.`;
  return scores
    ? `${start} Scores after ${choices} choices, with 95 percent intervals: ${scores.map((one) => `${one.name} ${words(one)}`).join(", ")}.`
    : `${start} Scores are shown after ${state.enough} choices that connect all methods; so far there are ${choices}.`;
}

export default {
  title: "User study",
  hint: "Which of the two crops looks more realistic? Press its button or arrow key, or tap it. The red mark shows where it is from.",
  keys: ["scene", "choices", "seed", "enough"],
  lasting: true,
  controls: () => [
    { kind: "button", key: "left", label: "\u2190 Left", words: "Left crop looks more realistic", shortcut: "ArrowLeft", patch: choose("left"), enabled: ({ question }) => question },
    { kind: "button", key: "right", label: "Right \u2192", words: "Right crop looks more realistic", shortcut: "ArrowRight", patch: choose("right"), enabled: ({ question }) => question },
    { kind: "button", label: "Next participant", patch: ({ seed }) => ({ seed: seed + 1 }) },
    { kind: "button", label: "Download choices", file: "choices.jsonl", text: ({ choices }) => choices.map((one) => `${JSON.stringify(one)}\n`).join(""), enabled: ({ choices }) => choices },
  ],
  solve,
  readouts: [
    { key: "choices", label: "choices made", text: String },
    { key: "remaining", label: "questions left", text: String },
    { key: "spread", label: "best minus worst score", text: (value, state, { scores }) => (scores ? two(value) : "not yet") },
  ],
  summary,
  draw,
};
