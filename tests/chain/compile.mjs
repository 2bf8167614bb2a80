// Compiles with the solc that package-lock.json pins: standard JSON in, standard JSON out.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const solc = createRequire(process.argv[2] + "/")("solc");
process.stdout.write(solc.compile(readFileSync(0, "utf8")));
