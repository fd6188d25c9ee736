// The MCP Inspector in a real Chromium, see steps.mjs. VERSION is 1, which speaks from the page itself ("direct"), or 2. PAGE
// is the origin on which it is to be; SHOTS where its screenshots go. LOGIN is not used: the pages of the provider are filled in.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { note, follow, tell, url } from './steps.mjs';

const { VERSION, PAGE, SHOTS, USER_NAME, CHROMIUM, NODE } = process.env;
const isFirst = VERSION === '1';
const folder = fileURLToPath(new URL('../inspector/node_modules/', import.meta.url));
const { chromium } = createRequire(import.meta.url)(`${folder}playwright-core`);
// Each click has to have an effect within this time: a page is slow where others share the machine.
const PATIENCE_MS = 40_000;
const LOOK_MS = 200;
// Dialogs fade in.
const FADE_MS = 400;

/**
 * The Inspector's own server, on a leash: it ends when this process does. Its tokens and settings are gone afterwards. Of the
 * first version only its pages are needed, since they ask the MCP server themselves.
 */
const home = mkdtempSync(`${tmpdir()}/inspector-`);
const script = isFirst ? 'inspector-1/client/bin/client.js' : '@modelcontextprotocol/inspector/clients/launcher/build/index.js';
const leash = fileURLToPath(new URL('../../../demo/leash.sh', import.meta.url));
const server = spawn('/bin/sh', [leash, NODE, `${folder}${script}`, ...(isFirst ? [] : ['--web', '--server-url', url, '--transport', 'http'])], {
  env: {
    PATH: process.env.PATH, HOME: home, HOST: '127.0.0.1', CLIENT_PORT: new URL(PAGE).port, MCP_AUTO_OPEN_ENABLED: 'false', DANGEROUSLY_OMIT_AUTH: 'true',
  },
  stdio: ['pipe', 2, 2],
});
const ended = once(server, 'exit');

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
const context = await browser.newContext({ viewport: { width: 1500, height: 1000 } });
if (isFirst) {
  await context.addInitScript(() => {
    localStorage.setItem('lastConnectionType', 'direct');
    localStorage.setItem('lastTransportType', 'streamable-http');
  });
}
const page = await context.newPage();
let logins = 0;
page.setDefaultTimeout(PATIENCE_MS);
// One that the page itself gives up for another is none.
page.on('response', (response) => {
  const at = new URL(response.url());
  if (!response.request().isNavigationRequest() || at.searchParams.get('response_type') !== 'code') return;
  logins += 1;
  note(at);
});
page.on('requestfailed', (request) => console.error(`failed: ${request.url()} ${request.failure()?.errorText}`));

const text = () => page.locator('body').innerText();
const button = (name) => page.getByRole('button', { name, exact: true });
const tool = (name) => page.getByText(name, { exact: true }).first();

/** Waits until one of `ends` is seen, and gives its name. Meanwhile it signs in wherever a page of the provider is shown. */
async function until(what, ends) {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    try {
      if (!page.url().startsWith(PAGE)) await signIn();
      else for (const [name, isSeen] of Object.entries(ends)) if (await isSeen()) return name;
    } catch (error) {
      // The page went elsewhere meanwhile.
      if (!/context was destroyed|navigat|Target closed|detached/i.test(error.message)) throw error;
    }
    await page.waitForTimeout(LOOK_MS);
  }
  throw new Error(`${what} did not come: ${(await text()).replace(/\s+/g, ' ').slice(-300)}`);
}

/** Fills in the page of the provider that is shown: its login, or its consent. */
async function signIn() {
  await page.waitForLoadState();
  const password = page.locator('input[type=password]');
  if (await password.count()) {
    await page.locator('input[name=username], input[name=login]').fill(USER_NAME);
    await password.fill(USER_NAME);
  }
  const submit = page.locator('button[type=submit], input[type=submit]').and(page.locator(':not([name=cancel])'));
  const before = page.url();
  if (await submit.count()) await submit.first().click();
  await page.waitForURL((now) => now.href !== before, { timeout: 5000 }).catch(() => {});
}

async function ready() {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const isThere = await fetch(PAGE).then(({ ok }) => ok, () => false);
    if (isThere) return;
    if (Date.now() > deadline) throw new Error('the Inspector did not start');
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const isConnected = async () => /\bConnected\b/.test(await text());
const connected = () => until('the connection', { connected: isConnected });
const second = {
  async connect() {
    await page.goto(PAGE);
    await page.locator('input[type=checkbox], [role=switch]').first().click({ force: true });
    await connected();
  },
  async list() {
    await connected();
    await page.getByText('Tools', { exact: true }).first().click();
    await until('the list', { list: async () => /Tools \(\d+\)/.test(await text()) });
    // A tool's button holds its title and its name, or only the latter.
    const labels = await page.getByRole('button').allInnerTexts();
    return labels.map((label) => label.trim().split(/\s*\n\s*/).at(-1)).filter((name) => /^[a-z][a-z0-9_-]*$/.test(name));
  },
  async call(name, args) {
    // Another one first: the result of an earlier call would stay.
    const other = (await second.list()).find((one) => one !== name);
    await tool(other).click();
    for (;;) {
      await tool(name).click();
      for (const [field, value] of Object.entries(args)) await page.getByLabel(new RegExp(`^${field}`)).first().fill(String(value));
      const before = logins;
      await button('Execute Tool').click();
      const end = await until(`the end of ${name}`, {
        result: () => page.getByText('Results', { exact: true }).isVisible(),
        step: () => button('Authorize').isVisible(),
        // By itself, since its token has ended.
        login: async () => logins > before && isConnected(),
      });
      await shot(`${name}-${end}`);
      if (end === 'result') return (await text()).split(/\nResults\n/)[1]?.slice(0, 200);
      if (end === 'step') {
        await button('Authorize').click();
        await until('the way back', { back: async () => logins > before && isConnected() });
      }
      // "Retry your action", it says.
      await second.list();
    }
  },
};

/** The name of a tool of server-everything by its title, `Get Sum Tool`. */
const nameOf = (title) => title.replace('Print Environment', 'Get Env').replace(/ Tool$/, '').toLowerCase().replaceAll(' ', '-');

const first = {
  async connect() {
    await page.goto(`${PAGE}/?transport=streamable-http&serverUrl=${encodeURIComponent(url)}`);
    await button('Connect').click();
    await connected();
  },
  async list() {
    await connected();
    await page.getByRole('tab', { name: 'Tools' }).click();
    await button('List Tools').click();
    await until('the list', { list: async () => (await first.titles()).includes('Echo Tool') });
    return (await first.titles()).map(nameOf);
  },
  /** It shows titles, among their descriptions. */
  async titles() {
    const [, shown = ''] = (await text()).split(/\nList Tools\s*Clear\n/);
    return shown.split('\nSelect a tool\n')[0].split('\n').filter(Boolean);
  },
  async call(name, args) {
    // Its page may have gone to the provider by itself.
    if ((await first.titles()).length === 0) await first.list();
    for (;;) {
      await tool((await first.titles()).find((title) => nameOf(title) === name)).click();
      for (const [field, value] of Object.entries(args)) await page.getByLabel(new RegExp(`^${field}`)).first().fill(String(value));
      const before = logins;
      await button('Run Tool').click();
      const end = await until(`the end of ${name}`, {
        result: async () => /Tool Result: (Success|Error)/.test(await text()),
        // By itself, for more scope too: its user has to begin again.
        login: async () => logins > before && isConnected(),
      });
      await shot(`${name}-${end}`);
      if (end === 'login') {
        await first.list();
      } else {
        const [, result] = (await text()).split('Tool Result: ');
        if (!result.startsWith('Success')) throw new Error(result.replace(/\s+/g, ' ').slice(0, 200));
        return result.slice(0, 200);
      }
    }
  },
};

let shots = 0;
async function shot(name) {
  await page.waitForTimeout(FADE_MS);
  await page.screenshot({ path: `${SHOTS}-${(shots += 1)}-${name}.png` });
}
const acts = isFirst ? first : second;
try {
  await ready();
  const isThere = await tell(0, async () => {
    await acts.connect();
    await shot('connected');
  });
  if (isThere) {
    await follow(async ([what, name, args = {}]) => {
      if (what === 'call') return { text: await acts.call(name, args) };
      const tools = await acts.list();
      await shot('list');
      return { tools };
    });
  } else {
    await shot('failed');
  }
} finally {
  await browser.close();
  server.stdin.end();
  await ended;
  rmSync(home, { recursive: true, force: true });
}
