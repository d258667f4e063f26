// Completion of the holes of a photograph, crop by crop. Outside the holes no pixel changes.

import { colorsOf } from "./attention_colors.js";
import { planCrops } from "./crops.js";
import { findHoles } from "./holes.js";
import { Refused } from "./image_header.js";

/**
 * Completes all holes and returns {patches, views}: the changes that were made to the layers, and
 * what the model said besides, by name ("coarse", "attention"), as [{x, y, canvas}].
 *
 * layers: {image, mask, sketch}. run: completes one crop, see Model.run. limit: longer side of a
 * crop. onCrop: called before each with {index, count, pixels}.
 *
 * Throws Refused if there is no hole, or nothing but holes.
 */
export async function completeHoles(layers, run, limit, onCrop) {
  const holes = findHoles(layers.mask);
  if (!holes.length) throw new Refused("Nothing is painted yet: paint over what should go.");
  const crops = planCrops(holes, layers.image.canvas, limit);
  const outputs = [];
  for (const [index, crop] of crops.entries()) {
    onCrop({ index, count: crops.length, pixels: crop.size.width * crop.size.height });
    outputs.push(await run(inputsOf(layers, crop)));
  }
  const patches = [];
  const views = {};
  crops.forEach((crop, i) => {
    const maps = mapsOf(outputs[i], crop);
    for (const hole of crop.holes) {
      for (const [name, map] of Object.entries(maps)) {
        const piece = pieceOf(map, crop, hole, layers.mask);
        if (name === "completed") patches.push(paste(layers.image, piece, hole));
        else (views[name] ??= []).push({ x: hole.x, y: hole.y, canvas: canvasOf(piece) });
      }
    }
  });
  // Only after all pieces, which the mask cuts out: boxes of holes may overlap.
  for (const hole of holes) {
    // The soft edge of a sketched line may lie a pixel outside the hole.
    const cleared = { x: hole.x - 2, y: hole.y - 2, width: hole.width + 4, height: hole.height + 4 };
    patches.push(layers.mask.clear(cleared), layers.sketch.clear(cleared));
  }
  return { patches, views };
}

/** The model's inputs for a crop, each {data, dims}. */
function inputsOf({ image, mask, sketch }, crop) {
  const { width, height } = crop.size;
  const count = width * height;
  const isScaled = width !== crop.width || height !== crop.height;
  const known = isScaled ? scaledKnown(image, mask, crop) : image.read(crop).data;
  const holes = isScaled ? null : mask.read(crop).data;
  const lines = isScaled ? scaled(sketch.canvas, crop).data : sketch.read(crop).data;
  // Averages leave little of a thin line.
  const faintest = isScaled ? 16 : 127;
  const inputs = {
    image: { data: new Uint8Array(3 * count), dims: [1, height, width, 3] },
    mask: { data: new Uint8Array(count), dims: [1, height, width, 1] },
    sketch: { data: new Uint8Array(count), dims: [1, height, width, 1] },
  };
  let isAllHole = true;
  for (let i = 0; i < count; i += 1) {
    const isHole = isScaled ? known[4 * i + 3] < 250 : holes[4 * i + 3] > 127;
    isAllHole &&= isHole;
    inputs.mask.data[i] = isHole ? 255 : 0;
    inputs.sketch.data[i] = lines[4 * i + 3] > faintest ? 255 : 0;
    for (let c = 0; c < 3; c += 1) inputs.image.data[3 * i + c] = known[4 * i + c];
  }
  if (isAllHole) throw new Refused("Nothing is left to complete from: erase some of the painting.");
  return inputs;
}

/** The crop at its size, of the known pixels alone; alpha is the share of them. */
function scaledKnown(image, mask, crop) {
  const whole = new OffscreenCanvas(crop.width, crop.height);
  const context = whole.getContext("2d");
  context.drawImage(image.canvas, -crop.x, -crop.y);
  context.globalCompositeOperation = "destination-out";
  context.drawImage(mask.canvas, -crop.x, -crop.y);
  return scaled(whole, { ...crop, x: 0, y: 0 }).data;
}

function scaled(source, { x, y, width, height, size }) {
  const context = new OffscreenCanvas(size.width, size.height).getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, x, y, width, height, 0, 0, size.width, size.height);
  return context.getImageData(0, 0, size.width, size.height);
}

/** The outputs as {canvas, cell}; a pixel of the canvas covers cell pixels of the crop. */
function mapsOf({ completed, coarse, offsets }, { size }) {
  const maps = { completed: { canvas: canvasOf(opaque(completed.data, size)), cell: 1 } };
  if (coarse) maps.coarse = { canvas: canvasOf(opaque(coarse.data, size)), cell: 1 };
  if (offsets) {
    const [, height, width] = offsets.dims;
    const colors = opaque(colorsOf(offsets.data), { width, height });
    maps.attention = { canvas: canvasOf(colors), cell: offsets.stride };
  }
  return maps;
}

/** Pixels in RGB or grey, uint8, as ImageData. */
function opaque(values, { width, height }) {
  const channels = values.length / (width * height);
  const image = new ImageData(width, height);
  for (let i = 0, j = 0; j < image.data.length; i += channels, j += 4) {
    for (let c = 0; c < 3; c += 1) image.data[j + c] = values[i + (c % channels)];
    image.data[j + 3] = 255;
  }
  return image;
}

function canvasOf(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** A map inside a hole's box, in pixels of the photograph; transparent outside the hole. */
function pieceOf({ canvas, cell }, crop, hole, mask) {
  const scaleX = (crop.width / crop.size.width) * cell;
  const scaleY = (crop.height / crop.size.height) * cell;
  const context = new OffscreenCanvas(hole.width, hole.height).getContext("2d");
  context.imageSmoothingEnabled = cell === 1 && (scaleX !== 1 || scaleY !== 1);
  context.imageSmoothingQuality = "high";
  const [x, y] = [crop.x - hole.x, crop.y - hole.y];
  context.drawImage(canvas, x, y, canvas.width * scaleX, canvas.height * scaleY);
  const piece = context.getImageData(0, 0, hole.width, hole.height);
  const holes = mask.read(hole).data;
  for (let i = 3; i < piece.data.length; i += 4) {
    if (holes[i] <= 127) piece.data.fill(0, i - 3, i + 1);
  }
  return piece;
}

/** Replaces the pixels of a layer where a piece is opaque; returns the patch. */
function paste(layer, piece, { x, y, width, height }) {
  return layer.change({ x, y, width, height }, (context) => {
    const image = context.getImageData(x, y, width, height);
    for (let i = 0; i < image.data.length; i += 4) {
      if (piece.data[i + 3]) image.data.set(piece.data.subarray(i, i + 4), i);
    }
    context.putImageData(image, x, y);
  });
}
