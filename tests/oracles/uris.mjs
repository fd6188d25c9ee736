// The forms in which a server that reads a URI by `new URL` may use it: a line of JSON for each.
import { createInterface } from 'node:readline';

const forms = (uri) => {
  const found = [];
  const add = (form) => {
    try {
      found.push(form());
    } catch {
      // Refused.
    }
  };
  add(() => decodeURIComponent(uri));
  add(() => new URL(uri).href);
  add(() => decodeURIComponent(new URL(uri).href));
  add(() => Object.assign(new URL(uri), { hash: '' }).href);
  add(() => new URL(decodeURIComponent(uri)).href);
  add(() => {
    // A file by its path alone.
    const url = new URL(uri);
    return url.protocol === 'file:' ? `file://${url.pathname}` : url.href;
  });
  return found.map((form) => form.toWellFormed());
};

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(forms(Buffer.from(line, 'base64').toString())));
}
