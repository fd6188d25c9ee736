// The playground in Chromium: what it says is what the command line says, it does nothing else, and everybody can use it.
//
//   node tests/playground/run.mjs       SCREENSHOTS=DIR writes pictures of it
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { inflateRawSync } from 'node:zlib';
import { examples, good } from '../../tools/playground/examples.mjs';
import { fill, folder, launch, open, program, root, serve, settled } from './browser.mjs';

if (!program()) {
  console.log('SKIPPED, nothing was tested: Chromium is not installed');
  process.exit(0);
}

const toolgate = process.env.TOOLGATE ?? `${root}target/release/toolgate`;
let browser;
let site;
before(async () => { [browser, site] = await Promise.all([launch(), serve()]); });
after(async () => { await browser.close(); site.close(); });

/** The output of the command line for a case. */
function printed(own) {
  const place = mkdtempSync(`${tmpdir()}/toolgate-playground-`);
  const files = { 'toolgate.yaml': own.config, 'request': own.request, 'token': own.token, 'keys.json': own.keys, 'tools.json': own.tools };
  for (const [name, text] of Object.entries(files)) writeFileSync(`${place}/${name}`, text);
  const run = (...args) => spawnSync(toolgate, ['--color', 'never', ...args], { cwd: place, encoding: 'utf8' });
  const token = own.token ? ['--token', 'token'] : [];
  const all = {
    check: run('check', 'toolgate.yaml'),
    explain: run('explain', 'toolgate.yaml', '--request', 'request', ...token, '--keys', 'keys.json', '--at', own.now, '--tools', 'tools.json'),
    matrix: run('matrix', 'toolgate.yaml', '--tools', 'tools.json'),
  };
  rmSync(place, { recursive: true });
  return all;
}

const text = (page, selector) => page.evaluate((own) => document.querySelector(own)?.textContent ?? '', selector);
const click = (page, example) => settled(page, () => page.evaluate((id) => document.querySelector(`#examples button[data-id="${id}"]`).click(), example.id));

test('each example says what the command line says', async () => {
  const { page, context, seen } = await open(browser, site.url);
  let compared = 0;
  for (const example of examples) {
    await click(page, example);
    const cli = printed(example.case);
    assert.equal(await text(page, '#check details pre'), cli.check.stdout, `${example.id}: check`);
    if (cli.check.status !== 0) {
      assert.match(await text(page, '#verdict'), /faults/, example.id);
      continue;
    }
    assert.notEqual(cli.explain.stdout, '', `${example.id}: ${cli.explain.stderr}`);
    const said = await text(page, '#explain-text') + await text(page, '#list details pre');
    const list = await text(page, '#list > p');
    // A refused list has no text of its own in the page.
    assert.ok(list.startsWith('No list') ? cli.explain.stdout.startsWith(said) : cli.explain.stdout === said, `${example.id}: explain\n${said}\n${cli.explain.stdout}`);
    assert.equal(await text(page, '#matrix details pre'), cli.matrix.stdout, `${example.id}: matrix`);
    if (example.reason) assert.match(await text(page, '#verdict'), new RegExp(`\\b${example.reason}\\b`), example.id);
    const refused = cli.explain.status !== 0;
    assert.equal(await page.locator('#picture .dot.refused').count(), refused ? 1 : 0, `${example.id}: picture`);
    const reached = await page.evaluate(() => document.querySelectorAll('#picture .dot')[6].classList.contains('passed'));
    assert.equal(reached, !refused, `${example.id}: server`);
    compared += 1;
  }
  assert.ok(compared >= 15, `${compared} compared`);
  assert.deepEqual({ ...seen, requests: [] }, { requests: [], violations: [], messages: [], dialogs: 0 });
  await context.close();
});

test('nothing leaves the page, and its policy would not let it', async () => {
  const { page, context, seen } = await open(browser, site.url);
  const own = ['', 'style.css', 'module.js', 'examples.js', 'core.js', 'state.js', 'picture.js', 'show.js', 'page.js'].map((name) => site.url + name);
  assert.deepEqual([...seen.requests].sort(), own.sort());
  await context.setOffline(true);
  for (const example of examples.slice(0, 4)) await click(page, example);
  assert.equal(seen.requests.length, own.length, 'no request after it was loaded');
  assert.deepEqual(seen.violations, []);
  const tried = await page.evaluate(async (url) => {
    const fetched = await fetch(url).then(() => 'fetched', () => 'refused');
    const script = document.createElement('script');
    let ran = 'ran';
    try { script.textContent = 'window.ran = true'; document.body.append(script); } catch { ran = 'refused'; }
    return [fetched, window.ran ? ran : 'refused'];
  }, site.url);
  assert.deepEqual(tried, ['refused', 'refused']);
  // Violations are told a moment later.
  for (let n = 0; n < 50 && seen.violations.length < 2; n += 1) await page.waitForTimeout(100);
  assert.ok(seen.violations.some((own) => own.startsWith('connect-src')), `the policy is in force: ${seen.violations}`);
  await context.close();
});

test('it works from a disk', async () => {
  const { page, context, seen } = await open(browser, pathToFileURL(`${folder}index.html`).href);
  await click(page, examples.find((own) => own.id === 'wrong-audience'));
  assert.match(await text(page, '#verdict'), /401 audience_mismatch/);
  assert.match(await page.evaluate(() => location.hash), /^#case=/);
  assert.deepEqual([seen.violations, seen.messages], [[], []]);
  await context.close();
});

const unpacked = (hash) => inflateRawSync(Buffer.from(hash.slice('#case='.length), 'base64url')).toString();

test('a link holds the case, and its token only if that is wanted', async () => {
  const { page, context } = await open(browser, site.url);
  await click(page, examples.find((own) => own.id === 'scenario'));
  const own = examples.find((one) => one.id === 'scenario').case;
  const without = await page.evaluate(() => location.href);
  assert.ok(!unpacked(new URL(without).hash).includes(own.token.split('.')[1]));
  assert.match(await text(page, '#shared'), /Not in the link: the token/);
  await page.locator('#with-token').check();
  await page.waitForFunction((before) => location.href !== before, without);
  const withToken = await page.evaluate(() => location.href);
  for (const [link, token] of [[without, ''], [withToken, own.token]]) {
    const other = await open(browser, link);
    for (const id of ['config', 'request', 'keys', 'tools', 'now']) {
      assert.equal(await other.page.locator(`#${id}`).inputValue(), own[id], id);
    }
    assert.equal(await other.page.locator('#token').inputValue(), token);
    assert.match(await text(other.page, '#verdict'), token ? /matrix_narrows_scopes/ : /no_token/);
    assert.equal(await other.page.evaluate(() => location.href), token ? without : link, 'the box is not ticked by a link');
    await other.context.close();
  }
  await context.close();
});

test('no secret gets into a link', async () => {
  const { page, context } = await open(browser, site.url);
  const token = good.token;
  const jwk = JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'AAAA', d: 'PRIVATE-PART' }] });
  const introspected = good.config.replace('jwks: {uri: https://auth.example.com/jwks, cluster: auth}', 'introspection: {uri: "https://auth.example.com/i", cluster: auth, client_id: gw, client_secret: "hunter2-hunter2"}');
  const request = `POST /mcp?access_token=${token} HTTP/1.1\nHost: mcp.example.com\nAuthorization: Bearer SECRET-A\nCookie: s=SECRET-B\ndpop: SECRET-C\n\n{"note": "${token}"}`;
  await fill(page, { config: introspected, request, keys: jwk, introspection: '{"active": true, "sub": "SECRET-D"}', token: 'SECRET-E' });
  const link = unpacked(await page.evaluate(() => location.hash));
  for (const secret of ['hunter2', 'PRIVATE-PART', 'SECRET-', token.split('.')[2], token.split('.')[1]]) assert.ok(!link.includes(secret), secret);
  for (const kept of ['/mcp', 'client_id: gw', 'Host: mcp.example.com']) assert.ok(link.includes(kept), kept);
  const said = await text(page, '#shared');
  for (const part of ['the token', 'a client secret', 'the key set', 'credentials in the request', 'the introspection response']) assert.ok(said.includes(part), `${part}: ${said}`);
  await page.locator('#with-token').check();
  await page.waitForFunction(() => !document.getElementById('shared').textContent.includes('the token,'));
  const more = unpacked(await page.evaluate(() => location.hash));
  assert.ok(more.includes('SECRET-E') && !more.includes('hunter2') && !more.includes('PRIVATE-PART'));
  await context.close();
});

test('a link that is no case is not one', async () => {
  const bomb = '#case=' + (await import('node:zlib')).deflateRawSync(Buffer.alloc(50_000_000, 32)).toString('base64url');
  for (const hash of ['#case=', '#case=%%%', '#case=AAAA', '#other', bomb]) {
    const { page, context, seen } = await open(browser, site.url + hash);
    assert.match(await text(page, '#verdict'), /insufficient_scope/, 'it shows an example');
    assert.deepEqual(seen.messages, []);
    await context.close();
  }
});

test('HTML in a field stays text', async () => {
  const html = '"><img src=x onerror="alert(1)"><script>alert(2)</script><b id=injected>';
  const { page, context, seen } = await open(browser, site.url);
  const tools = JSON.stringify({ tools: [{ name: html }, { name: 'get_forecast' }] });
  const hostile = {
    config: good.config.replace('main', JSON.stringify(html)).replace('set_alert', JSON.stringify(html)).replace('phones only read', JSON.stringify(html)),
    token: html, request: JSON.stringify({ jsonrpc: '2.0', id: html, method: 'tools/call', params: { name: html } }), keys: html, tools, now: html, introspection: html,
  };
  const rounds = [hostile, { ...hostile, config: html }, ...Object.keys(hostile).map((id) => ({ ...good, plugin: undefined, resource: undefined, issuer: undefined, [id]: hostile[id] }))];
  for (const round of rounds) {
    await fill(page, Object.fromEntries(Object.entries(round).filter(([, value]) => value !== undefined)));
    assert.equal(await page.locator('img, #injected, main script').count(), 0);
  }
  assert.match(await text(page, '#matrix') + await text(page, '#check'), /weather:read/);
  assert.deepEqual([seen.dialogs, seen.violations, seen.messages], [0, [], []]);
  await context.close();
});

test('a megabyte of garbage gets an error soon', async () => {
  const { page, context, seen } = await open(browser, site.url);
  const many = (n, of) => Array.from({ length: n }, (_, i) => of(i)).join('');
  const kinds = {
    letters: 'x'.repeat(1_000_000), brackets: '['.repeat(1_000_000), braces: '{"a":'.repeat(200_000), dashes: '- '.repeat(500_000),
    quotes: '"'.repeat(1_000_000), unknown: many(60_000, (i) => `f${i}: 1\n`), anchors: `a: &a [${'1,'.repeat(200_000)}]\nb: [${'*a,'.repeat(1000)}]\n`,
    rules: good.config.replace('get_forecast:', `${many(18_000, (i) => `t${i}: {scopes: [s:${i}]}\n        `)}get_forecast:`),
    tools: JSON.stringify({ tools: Array.from({ length: 30_000 }, (_, i) => ({ name: `tool-${i}` })) }),
    dots: 'eyJ.'.repeat(250_000), beyond: 'x'.repeat(3_000_000),
  };
  for (const id of ['config', 'token', 'request', 'keys', 'introspection', 'tools']) {
    for (const [kind, value] of Object.entries(kinds)) {
      await click(page, examples[0]);
      const started = Date.now();
      await fill(page, { [id]: value });
      const took = Date.now() - started;
      if (took > 1500) console.log(`${kind} as ${id}: ${took} ms`);
      assert.ok(took < 15_000, `${kind} as ${id}: ${took} ms`);
    }
  }
  // It is as good as new.
  await click(page, examples[0]);
  assert.match(await text(page, '#verdict'), /Allowed/);
  assert.deepEqual(seen.messages, []);
  await context.close();
});

test('the keyboard reaches everything in order, and works it', async () => {
  const { page, context } = await open(browser, site.url);
  const where = () => page.evaluate(() => {
    const own = document.activeElement;
    if (own === document.body) return null;
    const outline = getComputedStyle(own).outlineStyle;
    return { name: own.id || own.getAttribute('aria-label') || own.textContent.trim().slice(0, 40), tag: own.localName, outline, y: own.getBoundingClientRect().top + scrollY };
  });
  const walked = [];
  for (let n = 0; n < 120; n += 1) {
    await page.keyboard.press('Tab');
    const own = await where();
    if (!own) break;
    walked.push(own);
  }
  const names = walked.map((own) => own.name);
  const order = ['Skip to the decision', 'toolgate documentation', 'An allowed call', 'config', 'request', 'token', 'now', 'clock', 'List of tools given', 'Key set of the issuer given', 'Introspection response none', 'with-token', 'copy', 'answer'];
  const places = order.map((name) => names.indexOf(name));
  assert.ok(places.every((place, n) => place >= 0 && (n === 0 || place > places[n - 1])), JSON.stringify(names));
  assert.ok(walked.every((own) => own.outline !== 'none'), 'the focus is visible everywhere');
  assert.ok(new Set(walked.map((own) => JSON.stringify(own))).size === walked.length, 'no field holds the focus');
  // Skip to the decision, then an example by the keyboard alone.
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.equal((await where()).name, 'result');
  await page.locator('#examples button').nth(3).focus();
  await settled(page, () => page.keyboard.press('Space'));
  assert.match(await text(page, '#verdict'), /token_expired/);
  assert.equal(await page.locator('#examples button').nth(3).getAttribute('aria-pressed'), 'true');
  // Type into a field.
  await page.locator('#now').focus();
  await page.keyboard.press('Control+A');
  await settled(page, () => page.keyboard.type('2026-11-25T14:00:00Z'));
  assert.doesNotMatch(await text(page, '#verdict'), /token_expired/);
  // A fault leads to its line.
  await click(page, examples.find((own) => own.id === 'faults'));
  await page.locator('#check button.line').first().focus();
  await page.keyboard.press('Enter');
  const selected = await page.evaluate(() => { const own = document.activeElement; return own.value.slice(own.selectionStart, own.selectionEnd); });
  assert.match(selected, /max_age: 10|weather:write/);
  await context.close();
});

const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 780 } },
  'narrow-dark': { colorScheme: 'dark', viewport: { width: 360, height: 780 } },
  calm: { reducedMotion: 'reduce', forcedColors: 'active' },
};

test('axe finds nothing, and nothing is wider than the screen', async () => {
  const axe = readFileSync(`${root}tests/playground/node_modules/axe-core/axe.min.js`, 'utf8');
  if (process.env.SCREENSHOTS) mkdirSync(process.env.SCREENSHOTS, { recursive: true });
  for (const [look, options] of Object.entries(LOOKS)) {
    // The policy of the page is no policy for its test.
    const { page, context } = await open(browser, site.url, { ...options, bypassCSP: true });
    for (const id of ['missing-scope', 'allowed', 'faults', 'public', 'shadow', 'wrong-audience']) {
      await click(page, examples.find((own) => own.id === id));
      if (id === 'public') await page.evaluate(() => document.querySelectorAll('details').forEach((own) => { own.open = true; }));
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
      assert.deepEqual(violations.map((own) => `${look} ${id} ${own.id}: ${own.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`), []);
      const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= view, `${look} ${id}: ${wide} > ${view}`);
      if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/${look}-${id}.png`, fullPage: true });
    }
    await context.close();
  }
});
