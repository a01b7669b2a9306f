// Widgets in a page without a kernel: every .nf-widget element holds its state, and a small model stands in for Jupyter's.

import coupling_explorer from "./coupling_explorer.mjs";
import degradation_explorer from "./degradation_explorer.mjs";
import { mount } from "./frame.mjs";
import gaussian_explorer from "./gaussian_explorer.mjs";
import noise_law_explorer from "./noise_law_explorer.mjs";
import prenoise_explorer from "./prenoise_explorer.mjs";
import roofline_explorer from "./roofline_explorer.mjs";
import sigma_line from "./sigma_line.mjs";
import sigma_plane from "./sigma_plane.mjs";
import super_resolution_explorer from "./super_resolution_explorer.mjs";
import tau_line from "./tau_line.mjs";
import tau_plane from "./tau_plane.mjs";
import user_study from "./user_study.mjs";

const WIDGETS = {
  CouplingExplorer: () => coupling_explorer,
  DegradationExplorer: () => degradation_explorer,
  GaussianExplorer: () => gaussian_explorer,
  NoiseLawExplorer: () => noise_law_explorer,
  PrenoiseExplorer: () => prenoise_explorer,
  RooflineExplorer: () => roofline_explorer,
  SigmaExplorer: (state) => (state.dimension === 2 ? sigma_plane : sigma_line),
  SuperResolutionExplorer: () => super_resolution_explorer,
  TauExplorer: (state) => (state.dimension === 2 ? tau_plane : tau_line),
  UserStudy: () => user_study,
};

/** The part of Jupyter's model that the frame uses; the present state stays readable in data-state. */
function model(state, el) {
  const listeners = {};
  return {
    get: (key) => state[key],
    set: (key, value) => {
      if (state[key] === value) return;
      state[key] = value;
      (listeners[`change:${key}`] ?? []).forEach((listener) => listener());
    },
    save_changes: () => { el.dataset.state = JSON.stringify(state); },
    on: (event, listener) => { (listeners[event] ??= []).push(listener); },
    off: (event, listener) => { listeners[event] = (listeners[event] ?? []).filter((other) => other !== listener); },
  };
}

function start() {
  for (const el of document.querySelectorAll(".nf-widget[data-widget]")) {
    const state = JSON.parse(el.dataset.state);
    mount(WIDGETS[el.dataset.widget](state), model(state, el), el);
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
