// Image files in and out.

import { Refused, readHeader } from "./image_header.js";

/**
 * Returns the decoded image of a file as an ImageBitmap, turned as EXIF says.
 *
 * Throws Refused if it cannot be read.
 */
export async function decode(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { type } = readHeader(bytes);
  try {
    return await createImageBitmap(new Blob([bytes], { type }));
  } catch {
    throw new Refused("The file is damaged, or this browser does not read its kind.");
  }
}

/**
 * Returns the holes of a decoded mask as ImageData of a mask layer: opaque where the mask is
 * bright, in any colour, put on black through its alpha.
 *
 * Throws Refused unless the mask has the size {width, height} of the photograph and some hole.
 */
export function holesOf(bitmap, { width, height }) {
  if (bitmap.width !== width || bitmap.height !== height) {
    throw new Refused(
      `The mask has ${bitmap.width} × ${bitmap.height} pixels, the photograph ${width} × ${height}.`
    );
  }
  const mask = onColor(bitmap, "black").getImageData(0, 0, width, height);
  let found = false;
  for (let i = 0; i < mask.data.length; i += 4) {
    const bright = Math.max(mask.data[i], mask.data[i + 1], mask.data[i + 2]) > 127;
    mask.data.fill(bright ? 255 : 0, i, i + 4);
    found ||= bright;
  }
  if (!found) throw new Refused("The mask has no hole: white, or any bright colour, is the hole.");
  return mask;
}

/** Returns an opaque 2D context with an image on a colour. */
export function onColor(image, color) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Refused("This browser has too little memory for an image of this size.");
  context.fillStyle = color;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  return context;
}

/** File name of a completed image: `x_completed.png`, and after one like that `x_completed_2.png`. */
export function completedName(name) {
  // A browser puts (1) behind a name that exists.
  const [whole, , number = 1] = name.match(/_completed([ _]\(?(\d+)\)?)?$/) ?? [];
  return whole ? `${name.slice(0, -whole.length)}_completed_${Number(number) + 1}.png` : `${name}_completed.png`;
}

/** Lets the browser save a canvas as a PNG file. */
export async function download(canvas, name) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Refused("This browser has too little memory to write the file.");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60e3);
}

/** Throws Refused if the browser alters pixels that a page reads, against fingerprinting. */
export function checkPixelsAreExact() {
  const written = new ImageData(16, 16);
  written.data.forEach((_, i) => (written.data[i] = i % 4 === 3 ? 255 : (i * 37) % 256));
  const context = new OffscreenCanvas(16, 16).getContext("2d");
  context.putImageData(written, 0, 0);
  const read = context.getImageData(0, 0, 16, 16).data;
  if (!written.data.every((value, i) => value === read[i])) {
    throw new Refused(
      "This browser alters the pixels that a page reads (protection against fingerprinting). " +
        "Allow this page to read canvas data, then load it again."
    );
  }
}
