// A board with real MicroPython, as it is seen at its serial port: node board.mjs <node_modules>
// <folder>. Bytes in and out are the port's. Its files outlive a reset, and lie in the folder after
// each. `machine.reset()` ends this process with status 0.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, folder] = process.argv.slice(2);
const entry = path.join(modules, '@micropython/micropython-webassembly-pyscript/micropython.mjs');
const { loadMicroPython } = await import(pathToFileURL(entry).href);
const RAW_PASTE = [5, 65, 1]; // which this build offers and can't do: it is told here that it can't

const URANDOM = `from uos import *
from binascii import unhexlify
import chip
def urandom(size):
    return unhexlify(chip.random(size))
`;

let board;
let asked = 0;

function load(from, to) {
  for (const item of fs.readdirSync(from, { withFileTypes: true })) {
    if (item.isDirectory()) {
      board.FS.mkdir(`${to}/${item.name}`);
      load(path.join(from, item.name), `${to}/${item.name}`);
    } else board.FS.writeFile(`${to}/${item.name}`, fs.readFileSync(path.join(from, item.name)));
  }
}

function store(from, to) {
  fs.mkdirSync(to, { recursive: true });
  for (const name of board.FS.readdir(from || '/')) {
    if (['.', '..'].includes(name) || (from === '' && ['tmp', 'home', 'dev', 'proc'].includes(name))) continue;
    const mode = board.FS.stat(`${from}/${name}`).mode;
    if (board.FS.isDir(mode)) store(`${from}/${name}`, path.join(to, name));
    else fs.writeFileSync(path.join(to, name), board.FS.readFile(`${from}/${name}`));
  }
}

function keep() {
  fs.rmSync(folder, { recursive: true, force: true });
  store('', folder);
}

async function start() {
  board = await loadMicroPython({ stdout: (data) => process.stdout.write(data), linebuffer: false });
  if (fs.existsSync(folder)) load(folder, '');
  board.registerJsModule('machine', { reset: () => { keep(); process.exit(0); } });
  // The chip's random source, which this build of MicroPython has not.
  board.registerJsModule('chip', { random: (size) => randomBytes(size).toString('hex') });
  board.FS.mkdir('/tmp/chip');
  board.FS.writeFile('/tmp/chip/os.py', URANDOM);
  board.runPython("import sys; sys.path[:] = ['/tmp/chip', '/', '/lib', '.frozen']");
  board.replInit();
}

function take(byte) {
  if (byte === RAW_PASTE[asked]) {
    asked += 1;
    if (asked === RAW_PASTE.length) {
      asked = 0;
      process.stdout.write('R\0');
    }
    return;
  }
  for (const held of RAW_PASTE.slice(0, asked)) board.replProcessChar(held);
  asked = 0;
  if (byte === RAW_PASTE[0]) asked = 1;
  else board.replProcessChar(byte);
}

await start();
process.stdin.on('data', (data) => { for (const byte of data) take(byte); });
process.stdin.on('end', () => { keep(); process.exit(0); });
