// The elements of the page around the photograph: what they say and whether they can be used.

export const element = (id) => document.getElementById(id);

/** Says something in the status line; isRefusal: in the colour of warnings. */
export function say(text, isRefusal = false) {
  element("status").textContent = text;
  element("status").classList.toggle("refused", isRefusal);
}

/** Shows progress: a share in [0, 1], null for "unknown", or undefined for none. */
export function showProgress(share) {
  const progress = element("progress");
  progress.hidden = share === undefined;
  if (share === null) progress.removeAttribute("value");
  else if (share !== undefined) progress.value = share;
}

/** Shows what the model is; info: see Model.info, or null while it is loaded. */
export function showModel(name, info) {
  const device = info?.backend === "webgpu" ? "WebGPU" : `WebAssembly, ${threadCount(info)}`;
  element("model").textContent = info ? `${name} · ${device}` : name;
  for (const part of document.querySelectorAll(".guided")) part.hidden = !info?.guided;
}

function threadCount(info) {
  return info?.threads === 1 ? "1 thread" : `${info?.threads} threads`;
}

/** Brings buttons, choices and the size into the state of the editor. */
export function update(editor) {
  const { isOpen, isBusy, history, toolBox } = editor;
  const isIdle = isOpen && !isBusy;
  const views = isOpen ? editor.viewNames : [];
  element("empty").hidden = isOpen;
  element("tools").disabled = !isOpen;
  // The other tools have no size.
  element("size").disabled = !isOpen || !toolBox.isBrush;
  for (const id of ["zoom-in", "zoom-out", "fit"]) element(id).disabled = !isOpen;
  for (const id of ["save", "save-mask", "import-mask", "clear"]) element(id).disabled = !isIdle;
  element("open").disabled = isBusy;
  element("complete").disabled = !isOpen;
  element("complete").textContent = isBusy ? "Stop" : "Complete";
  element("undo").disabled = !isIdle || !history.done.length;
  element("redo").disabled = !isIdle || !history.undone.length;
  element("compare").disabled = !history.lastCompletion;
  element("compare").setAttribute("aria-pressed", editor.isComparing);
  element("views").hidden = views.length === 0;
  for (const label of document.querySelectorAll("#views label")) {
    label.hidden = !views.includes(label.dataset.view);
    label.firstChild.checked = label.dataset.view === editor.shown;
  }
  document.querySelector(`input[name="tool"][value="${toolBox.name}"]`).checked = true;
  // A slider whose steps are factors: small brushes need finer ones.
  element("size").value = (100 * Math.log(toolBox.size)) / Math.log(toolBox.maxSize);
  element("size").setAttribute("aria-valuetext", `${toolBox.size} pixels`);
  element("size-value").textContent = `${toolBox.size} px`;
}

/** The brush size that the slider says. */
export function sliderSize(toolBox) {
  return toolBox.maxSize ** (element("size").value / 100);
}
