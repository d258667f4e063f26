// Opening and saving: buttons, drop, paste.

import { completedName, decode, download, holesOf } from "./files.js";
import { Refused } from "./image_header.js";
import { element, say } from "./interface.js";

/**
 * Connects the page's elements with the editor and returns {save}.
 *
 * attempt: calls a function and tells errors in the status line. onOpened: called after a
 * photograph was opened.
 */
export function connectFiles(editor, attempt, onOpened) {
  const checkIsIdle = () => {
    if (editor.isBusy) throw new Refused("A completion is running: press Stop first.");
  };

  const open = (file, name = file.name) =>
    attempt(async () => {
      checkIsIdle();
      const warning = "The completed photograph is not saved. Open another one nevertheless?";
      if (editor.isUnsaved && !confirm(warning)) return;
      say("Opening …");
      const bitmap = await decode(file);
      // A completion may have begun meanwhile.
      checkIsIdle();
      editor.open(bitmap, name.replace(/\.[^.]*$/, "") || "image");
      onOpened();
      const { width, height } = editor.size;
      say(`${width} × ${height} pixels. Paint over what should go, then press Complete.`);
    });

  const openSample = () =>
    attempt(async () => {
      const response = await fetch("sample.jpg");
      if (!response.ok) throw new Refused("There is no sample here.");
      await open(await response.blob(), "sample.jpg");
    });

  const importMask = (file) =>
    attempt(async () => {
      const bitmap = await decode(file);
      checkIsIdle();
      editor.replaceMask(holesOf(bitmap, editor.size));
      say("The mask is painted. Press Complete.");
    });

  const save = () =>
    attempt(async () => {
      if (!editor.isOpen || editor.isBusy) return;
      const name = completedName(editor.name);
      await download(editor.layers.image.canvas, name);
      editor.markSaved();
      say(`Saved ${name}.`);
    });

  const saveMask = () =>
    attempt(async () => {
      await download(editor.maskCanvas(), `${editor.name}_mask.png`);
      say(`Saved ${editor.name}_mask.png: white is the hole.`);
    });

  element("save").addEventListener("click", save);
  element("save-mask").addEventListener("click", saveMask);
  element("try-sample").addEventListener("click", openSample);
  for (const [input, use, ...buttons] of [
    ["file", open, "open", "open-first"],
    ["mask-file", importMask, "import-mask"],
  ]) {
    element(input).addEventListener("change", ({ target }) => {
      const [file] = target.files;
      // The same file may be chosen again.
      target.value = "";
      if (file) use(file);
    });
    for (const button of buttons) {
      element(button).addEventListener("click", () => element(input).click());
    }
  }

  window.addEventListener("beforeunload", (event) => {
    if (editor.isUnsaved) event.preventDefault();
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const [file] = event.dataTransfer.files;
    if (file) open(file);
    else say("What was dropped is not a file.", true);
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) open(file, "pasted.png");
    else say("There is no image in the clipboard.", true);
  });
  return { save };
}
