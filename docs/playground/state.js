'use strict';
// The case in the fragment of the address: JSON, compressed, in base64url. The core decides what may stand in it.

const state = (() => {
  const PREFIX = '#case=';
  // A link is text that others write: it may unpack to no more than the core takes, and JSON may double it.
  const MOST_BYTES = 4_000_000;

  async function through(bytes, stream, most) {
    const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
    const parts = [];
    for (let size = 0; ;) {
      const { done, value } = await reader.read();
      if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
      size += value.length;
      if (size > most) {
        await reader.cancel();
        throw new RangeError('the link unpacks to too much');
      }
      parts.push(value);
    }
  }

  async function write(value) {
    const text = new TextEncoder().encode(JSON.stringify(value));
    const packed = await through(text, new CompressionStream('deflate-raw'), Infinity);
    let letters = '';
    // In pieces: the arguments of a call are limited.
    for (let at = 0; at < packed.length; at += 8192) letters += String.fromCharCode(...packed.subarray(at, at + 8192));
    return PREFIX + btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  }

  /** The case of a fragment; `null` if it has none, or one that cannot be read. */
  async function read(fragment) {
    if (!fragment.startsWith(PREFIX)) return null;
    try {
      const letters = atob(fragment.slice(PREFIX.length).replaceAll('-', '+').replaceAll('_', '/'));
      const packed = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
      const text = await through(packed, new DecompressionStream('deflate-raw'), MOST_BYTES);
      const value = JSON.parse(new TextDecoder().decode(text));
      return value !== null && typeof value === 'object' ? value : null;
    } catch {
      return null;
    }
  }

  return { write, read };
})();
