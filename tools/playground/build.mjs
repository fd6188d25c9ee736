// Puts the page of the playground together in target/playground: the files of docs/playground, the module, the examples.
//
//   node tools/playground/build.mjs MODULE
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { examples } from './examples.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const to = `${root}target/playground/`;
const module = readFileSync(process.argv[2]);

const imports = WebAssembly.Module.imports(new WebAssembly.Module(module));
if (imports.length > 0) throw new Error(`the module imports ${imports.map((own) => own.name).join(', ')}`);

rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
cpSync(`${root}docs/playground`, to, { recursive: true });
const packed = gzipSync(module, { level: 9 });
writeFileSync(`${to}module.js`, `'use strict';\nconst toolgateModule = '${packed.toString('base64')}';\n`);
writeFileSync(`${to}examples.js`, `'use strict';\nconst toolgateExamples = ${JSON.stringify(examples, null, 1)};\n`);
console.log(`playground: module ${module.length} bytes, ${packed.length} compressed: target/playground/index.html`);
