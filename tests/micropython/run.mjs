// Runs one check script under real MicroPython: node run.mjs <repository> <node_modules> <check.py>
// The firmware's and the protocol's files, and the test vectors, lie in MicroPython's own file
// system as they do on a board. What the script prints is printed; an exception is exit status 1.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [repository, modules, check] = process.argv.slice(2);
const entry = path.join(modules, '@micropython/micropython-webassembly-pyscript/micropython.mjs');
const { loadMicroPython } = await import(pathToFileURL(entry).href);
const board = await loadMicroPython({ stdout: (line) => console.log(line), linebuffer: true });

function copy(from, to, ending) {
  board.FS.mkdir(to);
  for (const item of fs.readdirSync(from, { withFileTypes: true })) {
    const source = path.join(from, item.name);
    if (item.isDirectory() && item.name !== '__pycache__') copy(source, `${to}/${item.name}`, ending);
    else if (item.name.endsWith(ending)) board.FS.writeFile(`${to}/${item.name}`, fs.readFileSync(source));
  }
}

copy(path.join(repository, 'protocol'), '/protocol', '.py');
copy(path.join(repository, 'firmware'), '/firmware', '.py');
const vectors = path.join(repository, 'tests', 'vectors');
if (fs.existsSync(vectors)) copy(vectors, '/vectors', '.json');

try {
  await board.runPythonAsync("import sys; sys.path.insert(0, '/')\n" + fs.readFileSync(check, 'utf8'));
} catch (error) {
  console.error(error.message ?? error);
  process.exit(1);
}
