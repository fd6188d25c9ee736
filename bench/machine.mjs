// The operating system: core pinning, the CPU time of a process, a description of the machine.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

const { PATH, HOME, LANG } = process.env;
/** The environment of everything that is started. */
export const REST = Object.fromEntries(Object.entries({ PATH, HOME, LANG }).filter(([, value]) => value));

/** The gate has the first core for itself; the load and the servers share the others. */
export function pinned(role, command) {
  const cores = availableParallelism();
  if (cores < 2) return command;
  return ['taskset', '-c', role === 'gate' ? '0' : `1-${cores - 1}`, ...command];
}

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux

/** Seconds of CPU, user and system, that the processes of a group have used. */
export function cpuSeconds(group) {
  return sum(members(group).map(({ stat }) => (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND));
}

/** Resident memory of the processes of a group, in bytes. */
export function residentBytes(group) {
  return sum(members(group).map(({ pid }) => {
    const status = read(`/proc/${pid}/status`);
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }));
}

/** The processes of a group, without the shells that hold their leash. */
function members(group) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(read(`/proc/${pid}/stat`)) ?? [];
    const stat = rest?.split(' ') ?? [];
    return name !== 'sh' && Number(stat[2]) === group ? [{ pid, stat }] : [];
  });
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}

/** One line that names the machine and how busy it is with other things. */
export function describeMachine() {
  const [load] = read('/proc/loadavg').split(' ');
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${new Date().toISOString().slice(0, 16)}Z, ${cpus().length} x ${cpus()[0].model}, ${gigabytes} GB, Linux ${release()}; load average before the run: ${load}`;
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
