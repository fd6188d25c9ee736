// login.mjs URL USER: for clients in other languages. Prints where the provider sends the user back to.
import { Browser } from './browser.mjs';

console.log(await new Browser().login(process.argv[2], process.argv[3]));
