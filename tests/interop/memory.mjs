// How much memory a process group holds.
import { readFileSync, readdirSync } from 'node:fs';

/** The resident megabytes of all processes of a group. */
export function memoryOf(group) {
  const kilobytes = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      // The group is the third field behind the name, which may hold anything.
      const [, , ofGroup] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
      if (Number(ofGroup) !== group) return 0;
      return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+)/m)?.[1] ?? 0);
    } catch {
      return 0; // it has ended
    }
  });
  return Math.round(kilobytes.reduce((sum, own) => sum + own, 0) / 1024);
}
