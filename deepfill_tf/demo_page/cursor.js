// Where the tool is: moved by a pointer, or by the keyboard, which also draws with it.

export class Cursor {
  constructor(editor, view) {
    this.editor = editor;
    this.view = view;
    this.forget();
  }

  forget() {
    // {x, y, isKeyboard}, in pixels of the photograph, or null: not over it.
    this.position = null;
  }

  /** Follows a pointer to {x, y}, or away: null. */
  follow(point) {
    this.position = point;
  }

  /** Moves by a part of the tool's size, or by several sizes, and draws if the tool is down. */
  move(dx, dy, isFar) {
    const { editor, view } = this;
    if (!editor.isOpen) return;
    const { width, height } = editor.size;
    const { size } = editor.toolBox;
    const step = Math.max(isFar ? 2 * size : size / 4, 2 / view.scale);
    const from = this.position ?? { x: width / 2, y: height / 2 };
    const x = Math.min(Math.max(from.x + dx * step, 0), width);
    const y = Math.min(Math.max(from.y + dy * step, 0), height);
    this.position = { x, y, isKeyboard: true };
    editor.extend({ x, y });
    view.show(this.position, editor.size);
    editor.changed();
  }

  /** Puts the tool down, or lifts it. */
  press() {
    if (!this.editor.isOpen) return;
    if (!this.position) this.move(0, 0, false);
    if (this.editor.shape) this.editor.end();
    else this.editor.begin({ x: this.position.x, y: this.position.y });
  }
}
