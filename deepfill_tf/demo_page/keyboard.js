// The keyboard: shortcuts anywhere on the page, and a cursor that draws on the photograph.

import { TOOLS } from "./tools.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PAN_STEP = 60;

/**
 * Lets keys call actions, an object of functions:
 *   with Ctrl or Command   open, save, complete, undo, redo
 *   single keys            selectTool(name), resize(factor), zoom(factor), fit, clear, help, stop
 *   held                   compare(isHeld), holdSpace(isHeld)
 *   on the canvas          moveCursor(dx, dy, isFar), press, pan(dx, dy)
 */
export function handleKeys(canvas, actions) {
  const tools = Object.fromEntries(Object.entries(TOOLS).map(([name, { key }]) => [key, name]));

  const withControl = {
    Enter: actions.complete,
    o: actions.open,
    s: actions.save,
    y: actions.redo,
    z: actions.undo,
    "shift+z": actions.redo,
  };
  const single = {
    "[": () => actions.resize(1 / 1.2),
    "]": () => actions.resize(1.2),
    "+": () => actions.zoom(1.25),
    "=": () => actions.zoom(1.25),
    "-": () => actions.zoom(0.8),
    0: actions.fit,
    "?": actions.help,
    Delete: actions.clear,
    Backspace: actions.clear,
    Escape: actions.stop,
    c: () => actions.compare(true),
  };

  // Keys that are held repeat. The second call of these would undo what the first began.
  const onceOnly = [actions.complete, actions.press];

  document.addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, metaKey, altKey, shiftKey, repeat } = event;
    // On some keyboards AltGr, which counts as Ctrl and Alt, writes brackets.
    const isAltGr = event.getModifierState("AltGraph");
    if ((altKey && !isAltGr) || document.querySelector("dialog[open]")) return;
    const lower = key.length === 1 ? key.toLowerCase() : key;
    let action = null;
    if ((ctrlKey || metaKey) && !isAltGr) {
      if (ARROWS[key] && target === canvas) {
        action = () => actions.pan(...ARROWS[key].map((direction) => -direction * PAN_STEP));
      } else {
        action = withControl[shiftKey ? `shift+${lower}` : lower];
      }
    } else if (target === canvas && ARROWS[key]) {
      action = () => actions.moveCursor(...ARROWS[key], shiftKey);
    } else if (target === canvas && key === "Enter") {
      action = actions.press;
    } else if (key === " ") {
      // Elsewhere the key presses what has the focus.
      if (target === canvas || target === document.body) action = () => actions.holdSpace(true);
    } else if (!target.matches("select, textarea")) {
      action = tools[lower] ? () => actions.selectTool(tools[lower]) : single[lower];
    }
    if (!action) return;
    event.preventDefault();
    if (!(repeat && onceOnly.includes(action))) action();
  });

  document.addEventListener("keyup", ({ key }) => {
    if (key === " ") actions.holdSpace(false);
    if (key.toLowerCase() === "c") actions.compare(false);
  });

  window.addEventListener("blur", () => {
    actions.holdSpace(false);
    actions.compare(false);
  });
}
