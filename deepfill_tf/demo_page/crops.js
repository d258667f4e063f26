// Crops of a photograph around its holes, which are completed as if they were the photograph, so
// that the time depends on the holes and not on the photograph.

// Shorter sides of a crop, where the photograph is that large: what the models are trained on.
const MIN_SIDE = 256;
const MIN_MARGIN = 64;
const MAX_MARGIN = 256;

/**
 * Returns crops {x, y, width, height, holes, size}: boxes with some of the surroundings of their
 * holes, and the size {width, height} at which they are completed.
 *
 * holes: boxes, see findHoles. width, height: of the photograph. limit: longer side of a crop; a
 * larger one is completed at a lower resolution.
 */
export function planCrops(holes, { width, height }, limit) {
  let groups = holes.map((hole) => ({ box: hole, holes: [hole] }));
  const crop = ({ box }) => around(box, width, height);
  const area = (box) => box.width * box.height;
  // Holes share a crop where that makes less to compute.
  for (let i = 0; i < groups.length; i += 1) {
    for (let j = i + 1; j < groups.length; j += 1) {
      const both = { box: union(groups[i].box, groups[j].box), holes: [...groups[i].holes, ...groups[j].holes] };
      if (area(crop(both)) > area(crop(groups[i])) + area(crop(groups[j]))) continue;
      groups[i] = both;
      groups.splice(j, 1);
      // The larger group may reach others that were too far away.
      i = -1;
      break;
    }
  }
  return groups.map((group) => {
    const box = crop(group);
    const scale = Math.min(limit / Math.max(box.width, box.height), 1);
    const size = {
      width: Math.max(Math.round(box.width * scale), 16),
      height: Math.max(Math.round(box.height * scale), 16),
    };
    return { ...box, holes: group.holes, size };
  });
}

function around(box, width, height) {
  const margin = Math.min(Math.max(Math.max(box.width, box.height) / 2, MIN_MARGIN), MAX_MARGIN);
  const [x, right] = extended(box.x, box.x + box.width, margin, width);
  const [y, bottom] = extended(box.y, box.y + box.height, margin, height);
  return { x, y, width: right - x, height: bottom - y };
}

/** Extends an interval by a margin, to at least MIN_SIDE, inside [0, size]. */
function extended(begin, end, margin, size) {
  const length = Math.min(Math.max(end - begin + 2 * Math.round(margin), MIN_SIDE), size);
  const first = Math.round((begin + end - length) / 2);
  const clipped = Math.min(Math.max(first, 0), size - length);
  return [clipped, clipped + length];
}

function union(a, b) {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const right = Math.max(a.x + a.width, b.x + b.width);
  const bottom = Math.max(a.y + a.height, b.y + b.height);
  return { x, y, width: right - x, height: bottom - y };
}
