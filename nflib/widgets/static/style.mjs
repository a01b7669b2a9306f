// The look of every widget. Its own light ground and colours, so that it reads the same on a dark page.

// A handle to be seen, and around it what a finger may touch. Each browser has its own name for it, and drops a rule with another's.
const THUMB = `appearance: none; box-sizing: border-box; width: 40px; height: 40px; border: 12px solid transparent; border-radius: 50%;
  background: #009E73 padding-box; pointer-events: auto; cursor: grab;`;

export const CSS = `
.nf-widget { box-sizing: border-box; color-scheme: light; background: #fff; color: #222; border: 1px solid #ccc; border-radius: 8px;
  padding: 14px 16px 12px; margin: 1em 0; max-width: 860px; font: 15px/1.4 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; text-align: left; }
.nf-widget *, .nf-widget *::before { box-sizing: border-box; }
.nf-widget .nf-title { font-size: 1.08em; font-weight: 650; color: #222; }
.nf-widget .nf-hint { color: #555; margin: 2px 0 10px; }
.nf-widget .nf-controls { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 8px 24px; margin-bottom: 8px; }
.nf-widget .nf-slider label { display: flex; justify-content: space-between; gap: 8px; color: #222; margin: 0; }
.nf-widget .nf-value { font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; color: #222; }
.nf-widget input[type=range] { display: block; width: 100%; margin: 4px 0 0; height: 22px; accent-color: #0072B2; cursor: pointer; }
.nf-widget fieldset { border: 0; padding: 0; margin: 0; min-width: 0; }
.nf-widget legend { padding: 0; float: none; font-size: inherit; color: #222; margin: 0; }
.nf-widget fieldset label { display: inline-block; margin: 3px 14px 0 0; color: #222; cursor: pointer; }
.nf-widget input[type=radio] { accent-color: #0072B2; margin: 0 5px 0 0; vertical-align: -1px; }
.nf-widget .nf-buttons { display: flex; flex-wrap: wrap; gap: 8px; margin: 4px 0 10px; }
.nf-widget button { font: inherit; font-size: 0.93em; color: #222; background: #f2f2f2; border: 1px solid #bbb; border-radius: 5px; padding: 4px 12px; cursor: pointer; }
.nf-widget button:hover { background: #e6e6e6; }
.nf-widget button:disabled { color: #888; background: #fafafa; cursor: default; }
.nf-widget [data-press] { cursor: pointer; }
.nf-widget:focus-visible, .nf-widget :focus-visible { outline: 2px solid #0072B2; outline-offset: 2px; }
.nf-widget .nf-figure { margin: 0; }
.nf-widget .nf-figure > svg { display: block; font-family: inherit; }
.nf-widget .nf-stage { position: relative; }
.nf-widget .nf-handle { position: absolute; height: 0; transform: rotate(-90deg); transform-origin: 0 0; }
.nf-widget .nf-handle label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.nf-widget .nf-handle input { appearance: none; position: absolute; left: -20px; top: -20px; width: calc(100% + 40px); height: 40px;
  margin: 0; background: none; pointer-events: none; touch-action: none; }
.nf-widget .nf-handle input::-webkit-slider-thumb { ${THUMB} }
.nf-widget .nf-handle input::-moz-range-thumb { ${THUMB} }
.nf-widget .nf-readouts { display: grid; grid-template-columns: repeat(auto-fill, minmax(142px, 1fr)); gap: 6px; margin-top: 10px; }
.nf-widget .nf-readout { background: #f6f6f6; border-radius: 5px; padding: 4px 9px 5px; }
.nf-widget .nf-readout span { display: block; font-size: 0.82em; color: #555; line-height: 1.3; }
.nf-widget .nf-readout [data-readout] { font-size: 1em; font-weight: 600; line-height: 1.4; font-variant-numeric: tabular-nums; color: #222; }
`;
