// Chromium with the playground in it, and the folder that is served to it.
import { createServer } from 'node:http';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const folder = `${root}target/playground/`;

const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' };

/** The program; `CHROMIUM` names another one. */
export function program() {
  const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  return places.find((own) => own && existsSync(own));
}

/** Serves the folder on loopback. */
export async function serve() {
  const server = createServer((request, response) => {
    const name = new URL(request.url, 'http://x').pathname.slice(1) || 'index.html';
    if (!readdirSync(folder).includes(name)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[name.split('.').pop()] ?? 'application/octet-stream' }).end(readFileSync(folder + name));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

export const launch = () => chromium.launch({
  executablePath: program(),
  // Root has no sandbox in containers. The pages are the project's own.
  args: ['--no-sandbox', '--disable-gpu'],
});

/** A page that notes everything that it should not do: requests, violations of its policy, messages, dialogs. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const seen = { requests: [], violations: [], messages: [], dialogs: 0 };
  await context.route('**/*', (route) => {
    seen.requests.push(route.request().url());
    const own = route.request().url().startsWith(new URL('.', url).href) || route.request().url().startsWith('file:');
    return own ? route.continue() : route.abort();
  });
  await context.exposeFunction('noteViolation', (text) => seen.violations.push(text));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => window.noteViolation(`${event.violatedDirective} ${event.blockedURI}`));
  });
  const page = await context.newPage();
  page.on('console', (message) => seen.messages.push(message.text()));
  page.on('pageerror', (fault) => seen.messages.push(String(fault)));
  page.on('dialog', (dialog) => { seen.dialogs += 1; return dialog.dismiss(); });
  await page.goto(url);
  await page.waitForSelector('html[data-ready]', { timeout: 20_000 });
  return { page, context, seen };
}

/** Fills fields, and waits until the page has answered. */
export const fill = (page, fields) => settled(page, () => page.evaluate((all) => {
  for (const [id, value] of Object.entries(all)) {
    const own = document.getElementById(id);
    own.value = value;
    own.closest('details')?.setAttribute('open', '');
    own.dispatchEvent(new Event('input', { bubbles: true }));
  }
}, fields));

/** Does something, and waits until the page has answered it. */
export async function settled(page, action) {
  const before = await page.evaluate(() => Number(document.documentElement.dataset.answers));
  await action();
  await page.waitForFunction((n) => Number(document.documentElement.dataset.answers) > n, before, { timeout: 30_000 });
}
