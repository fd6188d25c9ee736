// Compares what the suite found on the two ways to the same server.
import { readdirSync, readFileSync } from 'node:fs';

const STATUSES = ['FAILURE', 'WARNING', 'SKIPPED', 'SUCCESS'];
const STAMP = /-\d{4}-\d\d-\d\dT[\d-]+Z$/;

/** A results folder of the suite in; `scenario / check id` with its statuses, sorted, out. */
export function readChecks(folder) {
  const found = new Map();
  for (const entry of readdirSync(folder)) {
    const scenario = entry.replace(STAMP, '').replace(/^server-/, '');
    for (const { id, status, errorMessage } of JSON.parse(readFileSync(`${folder}/${entry}/checks.json`, 'utf8'))) {
      if (status === 'INFO') continue;
      if (!STATUSES.includes(status)) throw new Error(`the suite has a new status: ${status}`);
      const key = `${scenario} / ${id}`;
      const check = found.get(key) ?? { statuses: [], messages: [] };
      check.statuses.push(status);
      if (errorMessage) check.messages.push(errorMessage);
      found.set(key, check);
    }
  }
  for (const { statuses } of found.values()) statuses.sort();
  if (found.size === 0) throw new Error(`the suite left no checks in ${folder}`);
  return found;
}

/** Each check that is on either way, with its verdict: `equal`, `better` or `worse` through toolgate. */
export function compare(direct, through) {
  const keys = [...new Set([...direct.keys(), ...through.keys()])].sort();
  return keys.map((key) => {
    const [before, after] = [direct.get(key), through.get(key)];
    return { key, before, after, verdict: verdict(before?.statuses, after?.statuses) };
  });
}

function verdict(before, after) {
  // Some checks are there only when they fail; a success that is gone is a check that was not reached.
  if (!before) return count(after, 'SUCCESS') === after.length ? 'better' : 'worse';
  if (!after) return count(before, 'FAILURE') === before.length ? 'better' : 'worse';
  if (before.join() === after.join()) return 'equal';
  const noMoreFail = count(after, 'FAILURE') <= count(before, 'FAILURE');
  return noMoreFail && count(after, 'SUCCESS') >= count(before, 'SUCCESS') ? 'better' : 'worse';
}

function count(statuses, wanted) {
  return statuses.filter((status) => status === wanted).length;
}
