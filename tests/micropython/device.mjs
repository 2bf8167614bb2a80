// A device that runs by itself: node device.mjs <node_modules> <board folder> <units per second>
// Real MicroPython runs the firmware's own application; the host is what a board's hardware is: the
// socket, the two slots of the journal, the meter, the relay, the random source and the clock. The
// current folder, with the firmware's and the protocol's files, is its file system. It tells what it
// does as lines of JSON, and ends when its input does. What it may remember is in the board folder.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, folder, rate] = process.argv.slice(2);
const entry = path.join(modules, '@micropython/micropython-webassembly-pyscript/micropython.mjs');
const { loadMicroPython } = await import(pathToFileURL(entry).href);
const board = await loadMicroPython({ stdout: (line) => console.log(line), linebuffer: true });

function copy(from, to) {
  for (const item of fs.readdirSync(from, { withFileTypes: true })) {
    const target = `${to}/${item.name}`;
    if (item.isDirectory()) {
      board.FS.mkdir(target);
      copy(path.join(from, item.name), target);
    } else board.FS.writeFile(target, fs.readFileSync(path.join(from, item.name)));
  }
}

const slot = (number) => path.join(folder, `journal.${number}`);

function durable(file, data) {
  const descriptor = fs.openSync(file, 'w', 0o600);
  fs.writeSync(descriptor, data);
  fs.fsyncSync(descriptor);
  fs.closeSync(descriptor);
}

// Bytes cross as hex: numbers in an array would be a call each.
function connect(host, port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host);
    const arrived = [];
    let waiting = null;
    const give = (hex) => {
      if (waiting) waiting(hex);
      else arrived.push(hex);
      waiting = null;
    };
    socket.setNoDelay(true);
    socket.on('data', (data) => give(data.toString('hex')));
    socket.on('close', () => give(''));
    socket.on('error', reject);
    socket.on('connect', () =>
      resolve({
        read: () => new Promise((take) => (arrived.length ? take(arrived.shift()) : (waiting = take))),
        write: (hex) => socket.write(Buffer.from(hex, 'hex')),
        close: () => socket.destroy(),
      }),
    );
  });
}

let on = false;
let counted = 0;
let since = performance.now();
let stopping = false;
process.stdin.on('end', () => (stopping = true));
process.stdin.resume();

board.registerJsModule('hardware', {
  settings: () => fs.readFileSync(path.join(folder, 'settings.json'), 'utf8'),
  seed: () => fs.readFileSync(path.join(folder, 'device.key')).toString('hex'),
  read_slot: (number) => (fs.existsSync(slot(number)) ? fs.readFileSync(slot(number)).toString('hex') : ''),
  write_slot: (number, hex) => durable(slot(number), Buffer.from(hex, 'hex')),
  random: (size) => randomBytes(size).toString('hex'),
  now: () => Math.floor(performance.now()),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  meter: () => {
    const now = performance.now();
    const more = on && !stopping ? Math.floor(((now - since) / 1000) * Number(rate)) : 0;
    if (more || !on || stopping) since = now;
    counted += more;
    return counted;
  },
  relay: (closed) => (on = closed),
  tell: (line) => console.log(line),
  stopping: () => stopping,
  connect,
});

copy('.', '');
try {
  await board.runPythonAsync("import sys; sys.path[:] = ['/shim', '/', '.frozen']");
  await board.runPythonAsync(fs.readFileSync('shim/hardware_board.py', 'utf8'));
} catch (error) {
  console.error(error.message ?? error);
  process.exit(1);
}
process.exit(0);
