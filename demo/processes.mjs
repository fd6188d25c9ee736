// Processes that never outlive the demo.
//
// Each runs on a leash (see leash.sh) in a session of its own: Ctrl-C in the terminal reaches
// this process only, which then ends the others in order, the last started first.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const LEASH = fileURLToPath(new URL('leash.sh', import.meta.url));
const GRACE_MS = 5000;
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

export class Processes {
  #running = [];
  #reportDeath;
  stopped = false;
  /** Rejects as soon as a process ends that nobody told to. */
  death = new Promise((_, reject) => (this.#reportDeath = reject));

  constructor() {
    this.death.catch(() => {}); // whoever wants to know awaits it
  }

  /** Starts a command that is to run until `stop`. Its output goes to a log file. It is a process group of its own. */
  start(name, command, { log, env }) {
    const out = openSync(log, 'w');
    const running = this.#launch(command, { env, stdio: ['pipe', out, out] });
    closeSync(out);
    running.ended.then(() => {
      if (!running.stopping) this.#reportDeath(new Error(`${name} ended unexpectedly\n${tail(log)}`));
    });
    return { name, log, group: running.child.pid };
  }

  /** Runs a command to its end and gives what it prints; its stderr goes to ours. */
  async complete(command, { env = process.env, cwd, show = false } = {}) {
    const running = this.#launch(command, { env, cwd, stdio: ['pipe', show ? 'inherit' : 'pipe', 'inherit'] });
    let printed = '';
    running.child.stdout?.setEncoding('utf8').on('data', (text) => (printed += text));
    const code = await running.ended;
    if (code !== 0) throw new Error(`${command.join(' ')} failed`);
    return printed;
  }

  /** Runs a command to its end, whatever that is, within some seconds. `onLine` is called with each line that it prints. */
  async follow(command, { log, env, seconds, onLine }) {
    const out = openSync(log, 'w');
    const running = this.#launch(command, { env, stdio: ['pipe', 'pipe', out] });
    closeSync(out);
    const patience = setTimeout(() => end(running), seconds * 1000);
    for await (const line of createInterface({ input: running.child.stdout })) onLine(line);
    await running.ended;
    clearTimeout(patience);
  }

  #launch(command, options) {
    if (this.stopped) throw new Error('interrupted');
    const child = spawn('/bin/sh', [LEASH, ...command], { detached: true, ...options });
    child.stdin.on('error', () => {}); // it may be gone already
    const running = { child, stopping: false, gone: false };
    running.ended = new Promise((resolve) => {
      child.on('error', resolve);
      child.on('close', resolve);
    });
    running.ended.then(() => (running.gone = true));
    this.#running.push(running);
    return running;
  }

  /** Polls until `ready` gives true; a process that dies or stays silent is an error. */
  async ready({ name, log }, ready, seconds = 30) {
    const deadline = Date.now() + seconds * 1000;
    const polled = (async () => {
      while (Date.now() < deadline) {
        if (await ready().catch(() => false)) return;
        await sleep(50);
      }
      throw new Error(`${name} was not ready after ${seconds} s\n${tail(log)}`);
    })();
    await Promise.race([polled, this.death]);
  }

  /** Ends them all. What fails from here on fails because of that. */
  async stop() {
    this.stopped = true;
    for (const running of this.#running.splice(0).reverse()) await end(running);
  }

  /** Ends one that was started. */
  async end({ group }) {
    const place = this.#running.findIndex(({ child }) => child.pid === group);
    for (const running of this.#running.splice(place, place < 0 ? 0 : 1)) await end(running);
  }
}

/**
 * Runs `main` and exits with the code it returns; 1 if it throws or a process dies under it,
 * 128 + signal if it is interrupted (or what `onSignal` says). All processes are ended first.
 */
export async function run(main, { onSignal = (number) => 128 + number } = {}) {
  const processes = new Processes();
  const interrupted = new Promise((resolve) => {
    let before = false;
    for (const [signal, number] of Object.entries(SIGNALS)) {
      process.on(signal, () => {
        if (before) process.exit(128 + number); // the second time: at once; the leashes do the rest
        before = true;
        resolve(onSignal(number));
      });
    }
  });
  let code = 1;
  try {
    code = await Promise.race([main(processes), interrupted, processes.death]);
  } catch (error) {
    console.error(`\n${error.message}`);
  }
  await processes.stop();
  process.exit(code);
}

async function end(running) {
  running.stopping = true;
  running.child.stdin.end();
  await Promise.race([running.ended, sleep(GRACE_MS, undefined, { ref: false })]);
  if (!running.gone) process.kill(-running.child.pid, 'SIGKILL');
  await running.ended;
}

/** A port of this machine that nobody uses: the one that is asked for, if possible. */
export async function freePort(wanted) {
  return (await tryPort(wanted)) ?? (await tryPort(0));
}

function tryPort(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const { port: got } = server.address();
      server.close(() => resolve(got));
    });
  });
}

function tail(log, lines = 15) {
  const text = readFileSync(log, 'utf8').trimEnd();
  return `the end of ${log}:\n${text.split('\n').slice(-lines).map((line) => `  | ${line}`).join('\n')}`;
}
