'use strict';
// The page: its fields, its examples, and the link.

(() => {
  const TEXTS = ['config', 'token', 'request', 'keys', 'introspection', 'tools', 'now', 'resource', 'issuer'];
  const CHOICES = ['plugin', 'resource', 'issuer'];
  const FOLDED = ['tools', 'keys', 'introspection'];
  // Long enough that a word is typed, short enough that the answer seems to come at once.
  const PAUSE = 250;
  // Chats and mail cut longer links.
  const MOST_LETTERS = 100_000;
  const element = (id) => document.getElementById(id);
  let timer;
  let written = '';

  function read() {
    const own = Object.fromEntries(TEXTS.map((id) => [id, element(id).value]));
    return { ...own, plugin: Number(element('plugin').value) || 1 };
  }

  /** Fills the choice `id`, and hides it if there is nothing to choose. */
  function offer(id, choices, chosen) {
    const select = element(id);
    const known = choices.map(([value]) => value);
    const kept = known.includes(chosen) ? chosen : known[0] ?? '';
    if ([...select.options].map((own) => own.value).join('\n') !== known.join('\n')) {
      select.replaceChildren(...choices.map(([value, words]) => new Option(words, value)));
    }
    select.value = kept;
    select.parentElement.hidden = choices.length < 2;
  }

  function fill(value) {
    const text = (id) => (typeof value[id] === 'string' ? value[id] : '');
    for (const id of TEXTS) {
      const own = element(id);
      // A choice is offered again once the configuration was read.
      if (own instanceof HTMLSelectElement) own.replaceChildren(new Option(text(id), text(id)));
      else own.value = text(id);
    }
    const plugin = Number.isInteger(value.plugin) && value.plugin > 0 ? String(value.plugin) : '1';
    element('plugin').replaceChildren(new Option(plugin, plugin));
    for (const id of FOLDED) element(`${id}-more`).open = false;
  }

  async function answer() {
    let own = read();
    let answers = await core.answer(own);
    choices(own, answers);
    // What was chosen may be no choice of this configuration.
    if (CHOICES.some((id) => element(id).value !== String(own[id]))) {
      own = read();
      answers = await core.answer(own);
    }
    show.all(answers);
    for (const id of FOLDED) element(`${id}-given`).textContent = own[id].trim() ? 'given' : 'none';
    await link();
    // Tests wait for it.
    const page = document.documentElement.dataset;
    page.answers = String(Number(page.answers ?? 0) + 1);
  }

  function choices(own, answers) {
    offer('plugin', Array.from({ length: answers.configurations ?? 1 }, (_, n) => [String(n + 1), String(n + 1)]), String(own.plugin || 1));
    if (answers.resources) offer('resource', answers.resources.map((name) => [name, name]), own.resource);
    if (answers.issuers) offer('issuer', answers.issuers.map((name) => [name, name]), own.issuer);
  }

  /** Puts the case into the address, without what should not stand there. */
  async function link() {
    const { case: own, left_out: leftOut, error } = await core.link({ case: read(), with_token: element('with-token').checked });
    if (error) return;
    written = await state.write(own);
    const fits = written.length <= MOST_LETTERS;
    if (!fits) written = '';
    history.replaceState(null, '', written || location.pathname + location.search);
    const said = !fits ? 'The case is too large for a link.' : leftOut.length ? `Not in the link: ${leftOut.join(', ')}.` : '';
    if (element('shared').textContent !== said) element('shared').textContent = said;
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(answer, PAUSE);
  }

  function choose(example) {
    for (const button of document.querySelectorAll('#examples button')) {
      button.setAttribute('aria-pressed', String(button.dataset.id === example?.id));
    }
    element('why').textContent = example?.why ?? '';
  }

  function examplesIn(place) {
    place.replaceChildren(...toolgateExamples.map((example) => {
      const button = show.made('button', '', example.title);
      button.type = 'button';
      button.dataset.id = example.id;
      button.addEventListener('click', () => {
        choose(example);
        fill(example.case);
        clearTimeout(timer);
        answer();
      });
      return show.made('li', '', button);
    }));
  }

  /** A button to load a file into the field of its label. */
  function loader(place) {
    const label = place.parentElement.querySelector('label');
    const file = document.createElement('input');
    file.type = 'file';
    file.hidden = true;
    const button = show.made('button', 'quiet', 'Open file…');
    button.type = 'button';
    button.setAttribute('aria-label', `Open a file: ${label.textContent}`);
    button.addEventListener('click', () => file.click());
    file.addEventListener('change', async () => {
      const [own] = file.files;
      file.value = '';
      if (!own) return;
      element(label.htmlFor).value = await own.text();
      choose(null);
      answer();
    });
    place.append(button, file);
  }

  async function copy() {
    await link();
    try {
      await navigator.clipboard.writeText(location.href);
      element('shared').textContent = `Copied. ${element('shared').textContent}`;
    } catch {
      element('shared').textContent = 'The browser does not let the page copy: copy the address of this page.';
    }
  }

  function listen() {
    const form = element('case');
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', (event) => {
      if (event.target.id === 'with-token') return link();
      choose(null);
      soon();
    });
    element('clock').addEventListener('click', () => {
      element('now').value = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
      choose(null);
      answer();
    });
    element('copy').addEventListener('click', copy);
    new ResizeObserver(() => show.redraw()).observe(element('picture'));
    window.addEventListener('hashchange', async () => {
      if (location.hash === written) return;
      const own = await state.read(location.hash);
      if (!own) return;
      choose(null);
      fill(own);
      answer();
    });
  }

  async function start() {
    if (typeof toolgateModule === 'undefined' || typeof toolgateExamples === 'undefined') {
      element('verdict').textContent = 'The module is not here: `make playground` builds the page into target/playground.';
      return;
    }
    try {
      await core.load();
    } catch {
      element('verdict').textContent = 'This browser cannot run the module: it needs WebAssembly with SIMD, and DecompressionStream.';
      return;
    }
    document.querySelectorAll('.load').forEach(loader);
    examplesIn(element('examples'));
    listen();
    const shared = await state.read(location.hash);
    if (shared) {
      fill(shared);
    } else {
      choose(toolgateExamples[1]);
      fill(toolgateExamples[1].case);
    }
    await answer();
    document.documentElement.dataset.ready = 'true';
  }

  start();
})();
