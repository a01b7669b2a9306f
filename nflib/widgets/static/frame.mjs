// What every widget has around its picture: title, sliders, buttons, read-outs. A widget is a plain object
// { title, hint, keys, controls(state), solve(state), readouts, summary(state, result), draw(state, result, width) }; `lasting: true`
// if what was done is kept, so that there is no button "Reset".

import { format } from "./plot.mjs";
import { CSS } from "./style.mjs";

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A native range input with its label and value. `log`: a logarithmic track of whole numbers ("digits": of three digits); `marks`: values marked on it. */
/** `handle`: it lies upright over the picture, where `draw` says, and only its thumb is to be seen; `told(state)`: the value in words, if it is another. */
function slider({ key, label, min, max, step, unit = "", log = false, digits = 2, marks = [], handle = false, told = (state) => state[key] }, state, change) {
  const id = `nf-${key}-${Math.random().toString(36).slice(2)}`;
  const toTrack = log ? Math.log10 : (value) => value;
  const round = log === "digits" ? (number) => +number.toPrecision(3) : Math.round;
  const fromTrack = log ? (position) => round(10 ** position) : (position) => position;
  const value = element("span", { class: "nf-value", "aria-hidden": "true" });
  const input = element("input", {
    type: "range", id, name: key, step,
    // A start value beyond the usual range must stay reachable.
    min: toTrack(Math.min(min, state[key])), max: toTrack(Math.max(max, state[key])),
  });
  if (marks.length) input.setAttribute("list", `${id}-marks`);
  const list = element("datalist", { id: `${id}-marks` }, ...marks.map((mark) => element("option", { value: mark })));
  input.addEventListener("input", () => change({ [key]: fromTrack(+input.value) }));
  const node = element("div", { class: handle ? "nf-handle" : "nf-slider" }, element("label", { for: id }, element("span", {}, label), value), input, ...(marks.length ? [list] : []));
  const update = (current) => {
    const number = log ? current[key].toLocaleString("en").replaceAll(",", "\u202f") : told(current).toFixed(digits).replace("-", "\u2212");
    const words = unit ? `${number} ${unit}` : number;
    if (fromTrack(+input.value) !== current[key]) input.value = toTrack(current[key]);
    input.setAttribute("aria-valuetext", words);
    value.textContent = words;
  };
  return { key, handle, node, update };
}

/** Radio buttons. */
function choice({ key, label, options }, state, change) {
  const name = `nf-${key}-${Math.random().toString(36).slice(2)}`;
  const inputs = options.map(([value]) => element("input", { type: "radio", name, value }));
  inputs.forEach((input) => input.addEventListener("change", () => change({ [key]: input.value })));
  const labels = inputs.map((input, i) => element("label", {}, input, options[i][1]));
  const update = (current) => inputs.forEach((input) => { input.checked = input.value === current[key]; });
  return { node: element("fieldset", {}, element("legend", {}, label), ...labels), update };
}

/** Give text to the reader as a file. */
function save(name, text) {
  const address = URL.createObjectURL(new Blob([text]));
  element("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

/** A button that changes the state, `patch(state)` says how, or that saves `text(state)` as a file. `words`: for who cannot see the picture. */
function button({ label, words, patch, file, text, enabled = () => true }, read, change) {
  const node = element("button", { type: "button", ...(words && { "aria-label": words }) }, label);
  node.addEventListener("click", () => (file ? save(file, text(read())) : change(patch(read()))));
  return { node, update: (state, result) => { node.disabled = !enabled(result); } };
}

/** Buttons are also pressed by their shortcuts, while the focus is in the widget, and by marks of the picture with their key as `data-press`. */
function pressable(el, figure, controls, buttons) {
  const press = (event, found) => {
    const index = controls.findIndex(found);
    if (index < 0) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[index].node.click();
  };
  el.tabIndex = -1; // a click anywhere in it takes the focus
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab has arrow keys of its own
  el.addEventListener("keydown", (event) => {
    if (!(event.repeat || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey)) press(event, ({ shortcut }) => shortcut === event.key);
  });
  figure.addEventListener("click", (event) => {
    const mark = event.target.closest("[data-press]");
    if (mark) press(event, ({ key }) => key === mark.dataset.press);
  });
}

function readout({ key, label, text = (value) => format(value) }) {
  const value = element("span", { "data-readout": key });
  const update = (state, result) => {
    value.setAttribute("data-value", result[key]);
    value.textContent = text(result[key], state, result);
  };
  return { node: element("div", { class: "nf-readout" }, element("span", {}, label), value), update };
}

/** Put a widget into `el` and keep it in step with the model (anywidget's, or the static host's). */
export function mount(widget, model, el) {
  const read = () => Object.fromEntries(widget.keys.map((key) => [key, model.get(key)]));
  const initial = read();
  const change = (patch) => {
    for (const [key, value] of Object.entries(patch)) model.set(key, value);
    model.save_changes();
  };
  const controls = widget.controls(initial);
  const inputs = controls.filter((c) => c.kind !== "button").map((c) => (c.kind === "choice" ? choice : slider)(c, initial, change));
  const upright = inputs.filter((input) => input.handle);
  const pressed = controls.filter((c) => c.kind === "button");
  if (!widget.lasting) pressed.push({ label: "Reset", patch: () => initial });
  const buttons = pressed.map((c) => button(c, read, change));
  const readouts = widget.readouts.map(readout);
  const figure = element("div", { class: "nf-figure" });

  const update = () => {
    const state = read();
    const result = widget.solve(state);
    inputs.forEach((input) => input.update(state));
    [...buttons, ...readouts].forEach((item) => item.update(state, result));
    const width = Math.max(260, Math.floor(figure.clientWidth || 640));
    const { height, body, handles = {} } = widget.draw(state, result, width);
    figure.innerHTML = `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body}</svg>`;
    figure.firstChild.setAttribute("aria-label", widget.summary(state, result));
    upright.forEach(({ key, node }) => {
      const [x, y, length] = handles[key];
      node.style.cssText = `left:${x}px;top:${y}px;width:${length}px`;
    });
  };
  let waiting = false;
  const schedule = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; update(); });
  };

  el.classList.add("nf-widget");
  if (pressed.some((c) => c.shortcut)) pressable(el, figure, pressed, buttons);
  el.replaceChildren(
    element("style", {}, CSS),
    element("div", { class: "nf-title" }, widget.title),
    element("div", { class: "nf-hint" }, widget.hint),
    element("div", { class: "nf-controls" }, ...inputs.filter((input) => !input.handle).map((input) => input.node)),
    element("div", { class: "nf-buttons" }, ...buttons.map((item) => item.node)),
    element("div", { class: "nf-stage" }, figure, ...upright.map((input) => input.node)),
    element("div", { class: "nf-readouts" }, ...readouts.map((item) => item.node)),
  );
  widget.keys.forEach((key) => model.on(`change:${key}`, schedule));
  update();
  let known = figure.clientWidth;
  const observer = new ResizeObserver(() => {
    if (figure.clientWidth === known) return;
    known = figure.clientWidth;
    schedule();
  });
  observer.observe(figure);
  return () => {
    observer.disconnect();
    widget.keys.forEach((key) => model.off(`change:${key}`, schedule));
  };
}
