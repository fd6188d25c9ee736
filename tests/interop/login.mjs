// login.mjs URL [USER] [--open]: for clients in other languages. Signs in, and prints where the provider sends the user
// back to; --open goes there, for clients that listen. USER_NAME is the user if none is named.
import { parseArgs } from 'node:util';
import { Browser } from './browser.mjs';

const { values: { open }, positionals: [url, user = process.env.USER_NAME] } = parseArgs({
  allowPositionals: true, options: { open: { type: 'boolean' } },
});
const back = await new Browser().login(url, user);
if (open) await fetch(back);
console.log(back);
