// What is built and downloaded, and for which part. None of it needs an npm package: these are among it.
import { CLIENTS } from './clients.mjs';
import { CACHE, here } from './gate.mjs';
import { ensure } from './install.mjs';
import { SERVERS } from './servers.mjs';

const root = here('../..');

const NPM = { install: (complete) => complete([process.execPath, here('setup.mjs')]) };
const ENVOY = { install: (complete) => complete([here('../../tools/get-envoy.sh')]) };
const KEYCLOAK = { install: (complete) => complete([here('../../tools/keycloak/get.sh')]) };
// That of users, with every optimization: it is what is tested.
const MODULE = { install: (complete) => process.env.TOOLGATE_WASM ?? complete(['make', '--no-print-directory', 'build'], { cwd: root }) };
// Not that of users, which takes minutes: here it reads a few files. Without debug information it is built faster.
const CLI = {
  install: (complete) => complete(
    ['cargo', 'build', '--locked', '--package', 'toolgate-cli', '--target-dir', `${CACHE}/cargo`, '--config', here('quick.toml')],
    { cwd: root },
  ),
};
export const CLI_BINARY = `${CACHE}/cargo/debug/toolgate`;

export const SPRING = {
  key: 'spring', needs: ['mvn', '--version'],
  files: [
    'spring/pom.xml', 'spring/src/main/java/interop/Application.java', 'spring/src/main/java/interop/Registration.java',
    'spring/src/main/resources/application.yaml',
  ],
  install: (complete) => complete(['mvn', '-q', '-B', '-ntp', `-Dfolder=${CACHE}/spring`, 'package'], { cwd: here('spring') }),
};

// Built as for `make providers`.
export const HYDRA_BINARY = here('../../.cache/hydra/hydra');
export const HYDRA = {
  key: 'hydra', files: ['../hydra/main.go', '../hydra/go.mod', '../hydra/go.sum'], needs: ['go', 'version'],
  install: (complete) => complete(
    ['go', 'build', '-tags', 'sqlite', '-trimpath', '-ldflags', '-s -w', '-o', HYDRA_BINARY, '.'], { cwd: here('../hydra') },
  ),
};

const clients = Object.entries(CLIENTS);
const servers = Object.entries(SERVERS).map(([name, own]) => [`${name} (server)`, own]);
const named = (pattern) => [...clients, ...servers].filter(([, { command = [] }]) => pattern.test(command[0]));

export const NAMES = ['keycloak', 'spring', 'page', 'matrix', 'servers'];
const MATRICES = ['matrix', 'servers'];
const of = (parts, entries) => entries.map(([name, build]) => ({ name, build, parts }));

// Each lane is worked through one by one, beside the others: the linker's last minute has one core only, and downloads
// have none. What the first parts need comes first.
const LANES = [
  [
    ...of(NAMES, [['toolgate.wasm', MODULE]]), ...of(['page'], [['the command line', CLI]]), ...of(MATRICES, named(/rmcp/)),
  ],
  [
    ...of(NAMES, [['the npm packages', NPM], ['Envoy', ENVOY]]), ...of(MATRICES, named(/python/)),
    ...of(['matrix'], clients.filter(([, { key }]) => key === 'inspector')),
  ],
  [
    ...of(['keycloak', 'page', 'matrix'], [['Keycloak', KEYCLOAK]]), ...of(['spring', 'matrix'], [['Spring Authorization Server', SPRING]]),
    ...of(['matrix'], [['Ory Hydra', HYDRA]]), ...of(MATRICES, named(/go-|^java$/)),
  ],
];

/** Begins to install all that some parts need. */
export function prepare(processes, parts) {
  for (const lane of LANES) {
    (async () => {
      for (const { name, build } of lane.filter((one) => one.parts.some((part) => parts.includes(part)))) {
        if (processes.stopped) return;
        await ensure(processes, name, build).catch(() => {}); // whoever needs it is told
      }
    })();
  }
}

/** The npm packages, without which the parts cannot even be read. */
export const packages = (processes) => ensure(processes, 'the npm packages', NPM);

/** Waits for what a part cannot do without. What it can, it asks for itself. */
export async function needsOf(processes, part) {
  for (const [name, build, parts] of [
    ['toolgate.wasm', MODULE, NAMES], ['Envoy', ENVOY, NAMES], ['Keycloak', KEYCLOAK, ['keycloak', 'page', 'matrix']], ['the command line', CLI, ['page']],
  ]) {
    if (parts.includes(part)) await ensure(processes, name, build);
  }
}
