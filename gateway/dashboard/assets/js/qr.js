// QR codes (ISO/IEC 18004), byte mode, error correction level M, versions 1 to 10: what an
// authenticator's address needs. `tests/dashboard` holds them against another implementation.

import { s } from "./dom.js";

// Of each version: error correction codewords of a block, and blocks as [how many, data codewords].
const BLOCKS = [
  null,
  [10, [[1, 16]]], [16, [[1, 28]]], [26, [[1, 44]]], [18, [[2, 32]]], [24, [[2, 43]]],
  [16, [[4, 27]]], [18, [[4, 31]]], [22, [[2, 38], [2, 39]]], [22, [[3, 36], [2, 37]]], [26, [[4, 43], [1, 44]]],
];
const ALIGNMENT = [null, [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];
const MASKS = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (_r, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

const EXP = [];
const LOG = [];
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = EXP[power + 255] = value;
  LOG[value] = power;
  value = value & 128 ? (value << 1) ^ 0x11d : value << 1;
}

/** The modules of a code for this text, true where they are dark. Throws RangeError if it is too
 * long. */
export function modules(text) {
  const bytes = [...new TextEncoder().encode(text)];
  const version = BLOCKS.findIndex((each, v) => v > 0 && capacity(each) >= bytes.length + (v < 10 ? 2 : 3));
  if (version < 0) throw new RangeError("too long for a code");
  const words = interleaved(bytes, version);
  let best = null;
  MASKS.forEach((mask, number) => {
    const grid = drawn(version, words, mask, number);
    const cost = penalty(grid);
    if (best === null || cost < best.cost) best = { grid, cost };
  });
  return best.grid;
}

/** The code as a picture, dark on light whatever the page's colours are. */
export function qr(text, label) {
  const grid = modules(text);
  const size = grid.length + 8;
  const dark = grid.flatMap((row, r) => row.map((on, c) => (on ? `M${c + 4} ${r + 4}h1v1h-1z` : ""))).join("");
  return s(
    "svg",
    { viewBox: `0 0 ${size} ${size}`, class: "qr", role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    s("rect", { width: size, height: size, fill: "#ffffff" }),
    s("path", { d: dark, fill: "#000000" }),
  );
}

const capacity = ([, blocks]) => blocks.reduce((total, [many, data]) => total + many * data, 0);

function interleaved(bytes, version) {
  const total = capacity(BLOCKS[version]);
  let bits = "0100" + bytes.length.toString(2).padStart(version < 10 ? 8 : 16, "0");
  for (const each of bytes) bits += each.toString(2).padStart(8, "0");
  bits += "0".repeat(Math.min(4, total * 8 - bits.length));
  bits += "0".repeat((8 - (bits.length % 8)) % 8);
  const data = bits.match(/.{8}/g).map((each) => parseInt(each, 2));
  for (let pad = 0xec; data.length < total; pad ^= 0xec ^ 0x11) data.push(pad);

  const [correcting, blocks] = BLOCKS[version];
  const parts = blocks.flatMap(([many, length]) => Array.from({ length: many }, () => data.splice(0, length)));
  const checks = parts.map((part) => remainder(part, correcting));
  return [...columns(parts), ...columns(checks)];
}

function columns(parts) {
  const longest = Math.max(...parts.map((each) => each.length));
  return Array.from({ length: longest }, (_none, place) => parts.map((each) => each[place])).flat().filter((each) => each !== undefined);
}

function remainder(data, degree) {
  let generator = [1];
  for (let power = 0; power < degree; power += 1) {
    const next = [...generator, 0];
    generator.forEach((each, place) => (next[place + 1] ^= times(each, EXP[power])));
    generator = next;
  }
  const rest = [...data, ...Array(degree).fill(0)];
  for (let place = 0; place < data.length; place += 1) {
    const lead = rest[place];
    generator.forEach((each, offset) => (rest[place + offset] ^= times(each, lead)));
  }
  return rest.slice(data.length);
}

const times = (a, b) => (a === 0 || b === 0 ? 0 : EXP[LOG[a] + LOG[b]]);

function drawn(version, words, mask, number) {
  const size = 17 + 4 * version;
  const grid = Array.from({ length: size }, () => Array(size).fill(null));
  const set = (r, c, on) => (grid[r][c] = Boolean(on));
  finders(size, grid, set);
  for (let at = 8; at < size - 8; at += 1) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  alignments(version, size, set);
  formats(size, number, set);
  if (version >= 7) versions(version, size, set);
  fill(grid, size, words, mask);
  return grid;
}

function finders(size, grid, set) {
  for (const [top, left] of [[0, 0], [0, size - 7], [size - 7, 0]]) {
    for (let r = -1; r <= 7; r += 1) {
      for (let c = -1; c <= 7; c += 1) {
        if (grid[top + r]?.[left + c] === undefined) continue;
        const ring = Math.max(Math.abs(r - 3), Math.abs(c - 3));
        set(top + r, left + c, ring !== 2 && ring !== 4);
      }
    }
  }
}

function alignments(version, size, set) {
  const places = ALIGNMENT[version];
  const last = size - 7;
  for (const row of places) {
    for (const column of places) {
      const corner = (row === 6 && (column === 6 || column === last)) || (row === last && column === 6);
      if (corner) continue;
      for (let r = -2; r <= 2; r += 1) {
        for (let c = -2; c <= 2; c += 1) set(row + r, column + c, Math.max(Math.abs(r), Math.abs(c)) !== 1);
      }
    }
  }
}

function checked(value, generator, degree) {
  let rest = value << degree;
  for (let bit = 31 - Math.clz32(rest | 1); bit >= degree; bit -= 1) {
    if ((rest >> bit) & 1) rest ^= generator << (bit - degree);
  }
  return (value << degree) | rest;
}

function formats(size, number, set) {
  const bits = checked(number, 0x537, 10) ^ 0x5412; // level M is 00
  const bit = (place) => (bits >> place) & 1;
  for (let place = 0; place < 6; place += 1) {
    set(place, 8, bit(place));
    set(8, place, bit(14 - place));
  }
  set(7, 8, bit(6));
  set(8, 8, bit(7));
  set(8, 7, bit(8));
  for (let place = 0; place < 8; place += 1) set(8, size - 1 - place, bit(place));
  for (let place = 8; place < 15; place += 1) set(size - 15 + place, 8, bit(place));
  set(size - 8, 8, true);
}

function versions(version, size, set) {
  const bits = checked(version, 0x1f25, 12);
  for (let place = 0; place < 18; place += 1) {
    const [near, far] = [Math.floor(place / 3), size - 11 + (place % 3)];
    set(near, far, (bits >> place) & 1);
    set(far, near, (bits >> place) & 1);
  }
}

function fill(grid, size, words, mask) {
  let place = 0;
  let upward = true;
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right = 5; // the timing pattern's column
    for (let step = 0; step < size; step += 1) {
      const r = upward ? size - 1 - step : step;
      for (const c of [right, right - 1]) {
        if (grid[r][c] !== null) continue;
        const bit = place < words.length * 8 ? (words[place >> 3] >> (7 - (place & 7))) & 1 : 0;
        grid[r][c] = Boolean(bit) !== mask(r, c);
        place += 1;
      }
    }
    upward = !upward;
  }
}

function penalty(grid) {
  const size = grid.length;
  const turned = grid.map((_row, c) => grid.map((row) => row[c]));
  let cost = 0;
  for (const row of [...grid, ...turned]) {
    const text = row.map((on) => (on ? "1" : "0")).join("");
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) cost += run.length - 2;
    // As if beyond the edge all was light.
    const edged = `0000${text}0000`;
    for (let at = edged.indexOf("1011101"); at >= 0; at = edged.indexOf("1011101", at + 1)) {
      if (edged.slice(at - 4, at) === "0000" || edged.slice(at + 7, at + 11) === "0000") cost += 40;
    }
  }
  for (let r = 0; r + 1 < size; r += 1) {
    for (let c = 0; c + 1 < size; c += 1) {
      if (grid[r][c] === grid[r][c + 1] && grid[r][c] === grid[r + 1][c] && grid[r][c] === grid[r + 1][c + 1]) cost += 3;
    }
  }
  const dark = grid.flat().filter(Boolean).length;
  return cost + 10 * Math.floor(Math.abs((dark * 100) / (size * size) - 50) / 5);
}
