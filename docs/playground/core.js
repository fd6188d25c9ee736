'use strict';
// The core as a WebAssembly module, which module.js holds in base64 and compressed, so that nothing is fetched: the page works
// from a disk too. The module imports nothing. It gets one text and gives one.

const core = (() => {
  let compiled;
  let instance;

  async function load() {
    const packed = Uint8Array.from(atob(toolgateModule), (letter) => letter.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    compiled = await WebAssembly.compile(await new Response(unpacked).arrayBuffer());
    await start();
  }

  async function start() {
    instance = await WebAssembly.instantiate(compiled, {});
    instance.exports._initialize();
  }

  function call(name, value) {
    const { memory, room, place, [name]: run } = instance.exports;
    const text = new TextEncoder().encode(JSON.stringify(value));
    const at = room(text.length);
    new Uint8Array(memory.buffer, at, text.length).set(text);
    const length = run();
    return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, place(), length)));
  }

  /** Calls a function of the module. Where it gives up, such as when its stack is full, another instance takes its place. */
  async function ask(name, value) {
    try {
      return call(name, value);
    } catch (fault) {
      if (!(fault instanceof WebAssembly.RuntimeError || fault instanceof RangeError)) throw fault;
      await start();
      return { error: 'This case is too much for the page. The command line may tell more.' };
    }
  }

  return { load, answer: (value) => ask('answer', value), link: (value) => ask('linked', value) };
})();
