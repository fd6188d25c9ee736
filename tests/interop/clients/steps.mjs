// What every client of the matrix is asked to do, and how it tells. `CLIENT URL STEPS` gets the steps as JSON: an array of
// `["list"]`, `["call", tool, arguments]` and `["wait", seconds]`. It prints one JSON object per line and per step:
//
//   {"step": n, "ok": true, "text": "...", "logins": 1, "tools": ["..."], "scopes": ["..."]}
//
// The first, step 0, is the connection. `logins` counts the logins since the step before, `scopes` is what each of them asked for.
// A step that fails says so in `text` and the next is tried, unless the client cannot go on: then it ends.
//
// LOGIN is the command that stands for the browser: it gets the URL and prints where the user is sent back to. USER_NAME
// signs in. CLIENT_ID is that of a client which was made beforehand, CLIENT_DOCUMENT the URL of its metadata document.
// With TRANSPORT=sse the server has the older transport of two paths.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const { LOGIN, USER_NAME } = process.env;
// A client that asks for more and more logins is stopped: the user would have closed it.
const MAX_LOGINS = 4;

export const REDIRECT = 'http://127.0.0.1:33341/callback';
export const [url, steps] = [process.argv[2], JSON.parse(process.argv[3] ?? '[]')];

let asked = [];

/** Counts a login, and what it asks for. */
export const note = (authorization) => void asked.push(new URL(authorization).searchParams.get('scope'));

/** Opens the provider's page, signs in, and gives the URL of the callback. */
export async function signIn(authorization) {
  note(authorization);
  if (asked.length > MAX_LOGINS) throw new Error(`gave up after ${MAX_LOGINS} logins`);
  const [command, ...rest] = JSON.parse(LOGIN);
  const { stdout } = await promisify(execFile)(command, [...rest, String(authorization), USER_NAME]);
  return new URL(stdout.trim());
}

/** Tells of one step, with the logins since the one before: some happen while nothing is asked for. */
export async function tell(step, act) {
  let told;
  try {
    told = { ok: true, ...(await act()) };
  } catch (error) {
    told = { ok: false, text: `${error.constructor.name}: ${error.message}` };
  }
  console.log(JSON.stringify({ step, ...told, logins: asked.length, scopes: asked }));
  asked = [];
  return told.ok;
}

/** All steps after the connection. `act(step)` does one of `list` and `call`. */
export async function follow(act) {
  for (const [n, step] of steps.entries()) {
    if (step[0] === 'wait') await new Promise((resolve) => setTimeout(resolve, step[1] * 1000));
    else await tell(n + 1, () => act(step));
  }
}
