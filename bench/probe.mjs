// Before anything is measured: every case lets the call through, and refuses what it is there to refuse.
import { callOf } from './load.mjs';
import { DENIED, TOOL } from './policies.mjs';

/** Sends one call that is allowed and, where there is a gate, one that is not and one with a forged token. */
export async function expectAnswers({ name, port, path = '/mcp' }, token, isGate = true) {
  const send = async (tool, bearer) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: callOf(130, tool),
    });
    return { status: response.status, text: await response.text() };
  };
  const is = (condition, what, answer) => {
    if (!condition) throw new Error(`case ${name}: ${what} got ${answer.status} ${answer.text.slice(0, 300)}`);
  };
  const allowed = await send(TOOL, token);
  is(allowed.status === 200 && allowed.text.includes('sunny'), 'the call', allowed);
  if (!isGate) return;
  const denied = await send(DENIED, token);
  is(denied.status === 403 || (denied.status === 200 && /"isError":true|"error":/.test(denied.text)), 'the denied call', denied);
  const forged = await send(TOOL, `${token.slice(0, -8)}AAAAAAAA`);
  is(forged.status === 401, 'the forged token', forged);
}
