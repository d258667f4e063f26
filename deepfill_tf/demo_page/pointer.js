// Mouse, touch and pen on the photograph: one finger draws, two zoom and pan.

const ERASER_BUTTON = 32;
const MIDDLE_BUTTON = 4;

/**
 * Lets pointers draw on the editor and move the view.
 *
 * isPanning: returns whether dragging moves the photograph. onMove: called after the view moved.
 * onCursor: called with the position {x, y} of a mouse or pen in the photograph, or null.
 * onSize: called with the factor by which the brush grows.
 */
export function handlePointers(canvas, editor, view, { isPanning, onMove, onCursor, onSize }) {
  const pointers = new Map();
  let drawing = null;

  const position = ({ clientX, clientY }) => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.focus({ preventScroll: true });
    if (!editor.isOpen) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, position(event));
    const isSecond = pointers.size > 1;
    if (isSecond || isPanning() || event.buttons & MIDDLE_BUTTON) {
      // The first finger of a pinch has begun to draw.
      if (drawing !== null) editor.cancel();
      drawing = null;
    } else if (event.button === 0 || event.buttons & ERASER_BUTTON) {
      drawing = event.pointerId;
      editor.begin(view.toImage(position(event)), !!(event.buttons & ERASER_BUTTON));
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!editor.isOpen) return;
    const now = position(event);
    onCursor(event.pointerType === "touch" ? null : view.toImage(now));
    if (event.pointerId === drawing) {
      const events = event.getCoalescedEvents?.() ?? [];
      const points = (events.length ? events : [event]).map((e) => view.toImage(position(e)));
      editor.extend(...points);
    } else if (pointers.has(event.pointerId)) {
      move(event.pointerId, now);
    }
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, now);
  });

  /** Pans with one pointer; with two, also zooms by how their distance changes. */
  function move(id, now) {
    const before = pointers.get(id);
    const other = [...pointers].find(([otherId]) => otherId !== id)?.[1];
    // Each of two fingers moves the middle between them by half.
    const share = other ? 0.5 : 1;
    view.pan((now.x - before.x) * share, (now.y - before.y) * share, editor.size);
    if (other) {
      const distance = (point) => Math.max(Math.hypot(point.x - other.x, point.y - other.y), 1);
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      view.zoom(distance(now) / distance(before), middle, editor.size);
    }
    onMove();
  }

  const release = (event) => {
    if (event.pointerId === drawing) {
      if (event.type === "pointercancel") editor.cancel();
      else editor.end();
      drawing = null;
    }
    pointers.delete(event.pointerId);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => onCursor(null));

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (!editor.isOpen) return;
      // Lines and pages in pixels, about.
      const turned = event.deltaY * [1, 16, 160][event.deltaMode];
      // Tools without a size leave the wheel to the zoom.
      if (event.ctrlKey || event.metaKey || !editor.toolBox.isBrush) {
        view.zoom(Math.exp(-turned * 0.004), position(event), editor.size);
        onMove();
      } else {
        onSize(Math.exp(-Math.sign(turned) * 0.12));
      }
    },
    { passive: false }
  );
}
