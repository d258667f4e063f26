// Type and size of an image file, read from its bytes before any decoder sees it.

export const MAX_PIXELS = 100e6;
export const MIN_SIDE = 16;

/** A file or a request that is refused; the message is for the person at the page. */
export class Refused extends Error {}

/**
 * Returns {type, width, height} of an image file; width and height as stored, before the
 * orientation of EXIF.
 *
 * Throws Refused if the bytes are no PNG, JPEG, WebP, AVIF or BMP file, end too early, or hold
 * more than MAX_PIXELS pixels or fewer than MIN_SIDE rows or columns.
 */
export function readHeader(bytes) {
  if (bytes.length === 0) throw new Refused("The file is empty.");
  const parse = PARSERS.find(([matches]) => matches(bytes))?.[1];
  if (!parse) throw new Refused(reasonOfRefusal(bytes));
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const header = parse(bytes, file);
    checkSize(header);
    if (!header.isWhole()) throw new RangeError();
    return header;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refused("The file is cut off: its end is missing.");
  }
}

function checkSize({ width, height }) {
  if (width * height > MAX_PIXELS) {
    throw new Refused(`The image has ${width} × ${height} pixels; at most 100 megapixels fit.`);
  }
  if (Math.min(width, height) < MIN_SIDE) {
    throw new Refused(`The image has ${width} × ${height} pixels; at least 16 × 16 are needed.`);
  }
}

function text(bytes, begin, end) {
  return String.fromCharCode(...bytes.subarray(begin, end));
}

const PARSERS = [
  [(bytes) => text(bytes, 0, 8) === "\x89PNG\r\n\x1a\n", parsePng],
  [(bytes) => text(bytes, 0, 3) === "\xff\xd8\xff", parseJpeg],
  [(bytes) => text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP", parseWebp],
  [(bytes) => text(bytes, 4, 8) === "ftyp" && /avi[fs]/.test(text(bytes, 8, 64)), parseAvif],
  [(bytes) => text(bytes, 0, 2) === "BM", parseBmp],
];

function reasonOfRefusal(bytes) {
  const start = text(bytes, 0, 1024);
  if (/<svg[\s>]/i.test(start)) return "An SVG file is a drawing, not a photograph.";
  if (start.slice(4, 8) === "ftyp") return "HEIC photographs and films are not read: save as JPEG.";
  if (start.startsWith("GIF8")) return "GIF files are not read: save as PNG.";
  if (/^(II\*\0|MM\0\*)/.test(start)) return "TIFF files are not read: save as PNG.";
  return "The file is not an image: PNG, JPEG, WebP, AVIF and BMP files are read.";
}

function parsePng(bytes, file) {
  const isWhole = () => {
    for (let at = 8; at < bytes.length; at += 12 + file.getUint32(at)) {
      if (text(bytes, at + 4, at + 8) === "IEND") return at + 12 <= bytes.length;
    }
    return false;
  };
  return { type: "image/png", width: file.getUint32(16), height: file.getUint32(20), isWhole };
}

function parseJpeg(bytes, file) {
  let size = null;
  let at = 2;
  for (let marker = 0; marker !== 0xda; at += 2 + file.getUint16(at + 2)) {
    while (file.getUint8(at + 1) === 0xff) at += 1;
    marker = file.getUint8(at + 1);
    // SOF0 to SOF15, without DHT, JPG and DAC.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      size = { height: file.getUint16(at + 5), width: file.getUint16(at + 7) };
      checkSize(size);
    }
  }
  if (!size) throw new Refused("The JPEG file has no size.");
  // A thumbnail has an end of its own, but lies before the scan.
  const isWhole = () => {
    for (let i = bytes.length - 2; i >= at; i -= 1) {
      if (bytes[i] === 0xff && bytes[i + 1] === 0xd9) return true;
    }
    return false;
  };
  return { type: "image/jpeg", ...size, isWhole };
}

function parseWebp(bytes, file) {
  const isWhole = () => file.getUint32(4, true) + 8 <= bytes.length;
  const uint24 = (at) => file.getUint16(at, true) + (file.getUint8(at + 2) << 16);
  const size = {
    "VP8 ": () => [file.getUint16(26, true) & 0x3fff, file.getUint16(28, true) & 0x3fff],
    VP8L: () => {
      const bits = file.getUint32(21, true);
      return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
    },
    VP8X: () => [uint24(24) + 1, uint24(27) + 1],
  }[text(bytes, 12, 16)];
  if (!size) throw new Refused("The WebP file is damaged.");
  const [width, height] = size();
  return { type: "image/webp", width, height, isWhole };
}

function parseAvif(bytes, file) {
  // The largest of the sizes that the boxes "ispe" state: an image may be made of tiles.
  let size = { width: 0, height: 0 };
  for (let at = 0; at < Math.min(bytes.length - 16, 2 ** 16); at += 1) {
    if (text(bytes, at, at + 4) !== "ispe") continue;
    const found = { width: file.getUint32(at + 8), height: file.getUint32(at + 12) };
    if (found.width * found.height > size.width * size.height) size = found;
  }
  const isWhole = () => {
    let at = 0;
    while (at < bytes.length) {
      const length = file.getUint32(at);
      // 0: to the end of the file.
      if (length === 0) return true;
      at += length === 1 ? Number(file.getBigUint64(at + 8)) : Math.max(length, 8);
    }
    return at === bytes.length;
  };
  return { type: "image/avif", ...size, isWhole };
}

function parseBmp(bytes, file) {
  // A negative height: rows from the top.
  const size = { width: file.getInt32(18, true), height: Math.abs(file.getInt32(22, true)) };
  const isWhole = () => file.getUint32(2, true) <= bytes.length;
  return { type: "image/bmp", ...size, isWhole };
}
