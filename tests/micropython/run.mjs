// Runs real MicroPython: node run.mjs <node_modules> <check.py | plan.json> [arguments of the check]
// The current folder, with the firmware's and the protocol's files, becomes MicroPython's own file
// system, as on a board. A check is a script that prints OK last. A plan names tests; each is a call
// of its own, since memory is swept when a call is over, and tells its outcome as a line of JSON.
// What is printed is printed; an exception is exit status 1.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const [modules, file, ...rest] = process.argv.slice(2);
const entry = path.join(modules, '@micropython/micropython-webassembly-pyscript/micropython.mjs');
const { loadMicroPython } = await import(pathToFileURL(entry).href);
const board = await loadMicroPython({ stdout: (line) => console.log(line), linebuffer: true });

function copy(from, to) {
  for (const item of fs.readdirSync(from, { withFileTypes: true })) {
    const source = path.join(from, item.name);
    const target = `${to}/${item.name}`;
    if (item.isDirectory()) {
      board.FS.mkdir(target);
      copy(source, target);
    } else {
      board.FS.writeFile(target, fs.readFileSync(source));
    }
  }
}

copy('.', '');
const text = (value) => JSON.stringify(String(value));
board.registerJsModule('host', {
  arguments: rest,
  now: () => performance.now(),
  // A turn of the host's, in which MicroPython sweeps memory; and one in which the host does too, for
  // what its side has let go of is freed on the other only then.
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  sweep: () => {
    collect();
    return new Promise((resolve) => setTimeout(resolve, 1));
  },
  random: (size) => randomBytes(size).toString('hex'),
});
await board.runPythonAsync("import sys; sys.path[:] = ['/shim', '/', '.frozen']");

if (file.endsWith('.json')) {
  const plan = JSON.parse(fs.readFileSync(file, 'utf8'));
  let failed = false;
  const call = async (name, code) => {
    try {
      await board.runPythonAsync(code);
      console.log(JSON.stringify({ test: name, ok: true }));
    } catch (error) {
      failed = true;
      console.log(JSON.stringify({ test: name, ok: false, error: error.message ?? String(error) }));
    }
  };
  await call('import', `import runner; module = runner.load(${text(plan.module)})`);
  if (!failed) {
    for (const { name, arguments: names } of plan.tests) {
      await call(name, `runner.run(module, ${text(name)}, [${names.map(text)}])`);
    }
  }
  process.exit(failed ? 1 : 0);
}

try {
  await board.runPythonAsync(fs.readFileSync(file, 'utf8'));
} catch (error) {
  console.error(error.message ?? error);
  process.exit(1);
}
