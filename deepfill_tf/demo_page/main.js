// The page: one editor, one view, one model, and what connects them.

import { Cursor } from "./cursor.js";
import { Editor } from "./editor.js";
import { connectFiles } from "./file_actions.js";
import { checkPixelsAreExact } from "./files.js";
import { Refused } from "./image_header.js";
import { element, say, showModel, showProgress, sliderSize, update } from "./interface.js";
import { handleKeys } from "./keyboard.js";
import { Model, Stopped } from "./model.js";
import { handlePointers } from "./pointer.js";
import { Timing } from "./timing.js";
import { View } from "./view.js";

const canvas = element("canvas");
const editor = new Editor();
const view = new View(canvas);
const cursor = new Cursor(editor, view);
// A choice in the page's address: ?backend=wasm computes without WebGPU, ?backend=webgpu with it,
// if the processor emulates the device too.
const backend = new URLSearchParams(location.search).get("backend");
const model = new Model("model.onnx", backend);
const timing = new Timing(showProgress);

// The model is being loaded: a promise.
let loading = null;
let isSpaceHeld = false;
let isFrameAsked = false;

// The screen, drawn once for each frame at most.

function redraw() {
  if (isFrameAsked) return;
  isFrameAsked = true;
  requestAnimationFrame(() => {
    isFrameAsked = false;
    update(editor);
    canvas.classList.toggle("panning", isSpaceHeld);
    canvas.classList.toggle("drawing", editor.isOpen && !isSpaceHeld && !editor.isBusy);
    canvas.classList.toggle("waiting", editor.isBusy);
    if (!editor.isOpen) return;
    const tint = getComputedStyle(document.documentElement).getPropertyValue("--hole");
    view.draw({ ...editor.scene(), cursor: shownCursor(), tint });
  });
}

function shownCursor() {
  if (!cursor.position || isSpaceHeld || editor.isBusy) return null;
  const { isBrush, size } = editor.toolBox;
  return { ...cursor.position, size: isBrush ? size : 0 };
}

editor.addEventListener("change", redraw);
editor.addEventListener("painted", () => {
  if (!editor.isBusy) say("Press Complete when all that should go is painted.");
});
new ResizeObserver(() => {
  if (view.resize(editor.isOpen ? editor.size : null)) redraw();
}).observe(canvas);

/** Calls a function; errors are told in the status line. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (error instanceof Stopped) say("Stopped. What is painted is still there.");
    else if (error instanceof Refused) say(error.message, true);
    else say(`This did not work: ${error.message}`, true);
  }
}

// The model.

function loadModel() {
  model.onProgress = ({ received, total }) => {
    if (editor.isBusy) showProgress(total ? received / total : null);
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    const of = total ? ` of ${megabytes(total)}` : "";
    showModel(`Loading the model: ${megabytes(received)}${of} MB`, null);
  };
  loading = usableModel();
  loading.catch(() => showModel("No model", null));
}

async function usableModel() {
  checkPixelsAreExact();
  await model.load();
  showModel("Model ready", model.info);
}

async function complete() {
  if (!editor.isOpen) return;
  if (editor.isBusy) {
    stop();
    return;
  }
  await attempt(async () => {
    const started = performance.now();
    say("Completing …");
    showProgress(null);
    try {
      await editor.complete(run, Number(element("limit").value), (crop) => {
        timing.begin(crop);
        if (crop.count > 1) say(`Completing part ${crop.index + 1} of ${crop.count} …`);
      });
    } finally {
      timing.end();
      showProgress();
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    showModel("Model ready", model.info);
    say(`Done in ${seconds} s. Hold Compare to see the original; paint again to go on.`);
  });
}

async function run(inputs) {
  if (!model.info) {
    say("Waiting for the model …");
    await loading;
    say("Completing …");
  }
  return timing.measured(() => model.run(inputs));
}

/** Stops drawing, or else the completion. */
function stop() {
  if (editor.cancel() || !editor.isBusy) return;
  model.stop();
  loadModel();
}

// What calls what.

const { save } = connectFiles(editor, attempt, () => {
  cursor.forget();
  view.resize();
  view.fit(editor.size);
  canvas.focus({ preventScroll: true });
});

/** Zooms around the middle of the screen. */
function zoom(factor) {
  if (!editor.isOpen) return;
  const { width, height } = canvas.getBoundingClientRect();
  view.zoom(factor, { x: width / 2, y: height / 2 }, editor.size);
  redraw();
}

function resize(factor) {
  if (!editor.toolBox.isBrush) return;
  editor.toolBox.grow(factor);
  redraw();
}

function clear() {
  if (!editor.isOpen || editor.isBusy) return;
  const isCompleted = editor.history.done.at(-1)?.completion;
  if (editor.clear()) say("What was painted is removed. Undo brings it back.");
  else say(`Nothing is painted.${isCompleted ? " Undo takes the completion back." : ""}`);
}

function selectTool(name) {
  const choice = document.querySelector(`input[name="tool"][value="${name}"]`);
  if (choice.closest("label").hidden) return;
  editor.toolBox.name = name;
  redraw();
}

const commands = {
  complete,
  clear,
  undo: () => editor.undo() && say("Undone."),
  redo: () => editor.redo() && say("Done again."),
  fit: () => {
    if (editor.isOpen) view.fit(editor.size);
    redraw();
  },
  "zoom-in": () => zoom(1.25),
  "zoom-out": () => zoom(0.8),
  "show-help": () => element("help").showModal(),
  "hide-help": () => element("help").close(),
};
for (const [id, command] of Object.entries(commands)) {
  element(id).addEventListener("click", ({ detail }) => {
    // The second click of a double click would stop what the first began.
    if (id !== "complete" || detail < 2) command();
  });
}

handlePointers(canvas, editor, view, {
  isPanning: () => isSpaceHeld,
  onMove: redraw,
  onCursor: (point) => {
    cursor.follow(point);
    redraw();
  },
  onSize: resize,
});

handleKeys(canvas, {
  ...commands,
  open: () => element("open").click(),
  help: commands["show-help"],
  save,
  selectTool,
  resize,
  zoom,
  stop,
  compare: (isHeld) => editor.compare(isHeld),
  holdSpace: (isHeld) => {
    isSpaceHeld = isHeld && editor.isOpen;
    redraw();
  },
  moveCursor: (...move) => cursor.move(...move),
  press: () => cursor.press(),
  pan: (dx, dy) => {
    if (editor.isOpen) view.pan(dx, dy, editor.size);
    redraw();
  },
});

for (const type of ["pointerdown", "keydown"]) {
  element("compare").addEventListener(type, ({ key = "Enter" }) => {
    if (key === "Enter" || key === " ") editor.compare(true);
  });
}
for (const type of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) {
  element("compare").addEventListener(type, () => editor.compare(false));
}
element("size").addEventListener("input", () => {
  editor.toolBox.size = sliderSize(editor.toolBox);
  cursor.follow(view.middle);
  redraw();
});
element("size").addEventListener("change", () => {
  cursor.forget();
  redraw();
});
element("tools").addEventListener("change", ({ target }) => selectTool(target.value));
element("views").addEventListener("change", ({ target }) => {
  editor.shown = target.value;
});

attempt(async () => {
  redraw();
  loadModel();
  await loading;
});
