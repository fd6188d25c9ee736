'use strict';
// The answers of the core as elements of the page. Every text goes in as text: nothing here reads HTML.

const show = (() => {
  const element = (id) => document.getElementById(id);

  function made(name, classes, ...children) {
    const own = document.createElement(name);
    if (classes) own.className = classes;
    own.append(...children);
    return own;
  }

  // The colours that the command line writes.
  const COLOURS = { '0': '', '1': 'strong', '2': 'faint', '31': 'bad', '32': 'good', '33': 'doubtful' };

  // Each colour is an element of the page, and a call takes no more than about a hundred thousand.
  const MOST_LETTERS = 200_000;

  /** A text of the command line, with its colours as classes. */
  function printed(text) {
    const parts = [];
    let classes = new Set();
    const shown = text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}\n… the command line prints the rest\n` : text;
    for (const [n, part] of shown.split(/\x1b\[([0-9;]*)m/).entries()) {
      if (n % 2 === 1) {
        for (const code of part.split(';')) {
          if (code === '' || code === '0') classes = new Set();
          else if (COLOURS[code]) classes.add(COLOURS[code]);
        }
      } else if (part) {
        parts.push(classes.size ? made('span', [...classes].join(' '), part) : part);
      }
    }
    return parts;
  }

  /** A sentence of the core, whose names stand in backticks. */
  function worded(text) {
    const parts = text.split('`');
    // An odd backtick is one.
    if (parts.length % 2 === 0) return [text];
    return parts.map((part, n) => (n % 2 === 1 ? made('code', '', part) : part));
  }

  const sentence = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

  // Nobody reads more, and each is an element of the page.
  const MOST_LINES = 500;

  const failed = (message) => made('p', 'trouble', message);

  /** Sets the text of a status only if it changed, so that it is not read out again. */
  function say(id, child) {
    if (!element(id).firstChild?.isEqualNode(child)) element(id).replaceChildren(child);
  }

  const MARKS = { true: ['good', '✓', 'passed'], false: ['bad', '✗', 'refused'], null: ['doubtful', '?', 'not checked'] };
  const RECORDED = ['doubtful', '✗', 'recorded'];

  function check(own, verified) {
    const unchecked = !verified && ['key', 'signature'].includes(own.about) && own.passed;
    // A check with a code that passed failed in shadow mode.
    const recorded = own.passed && own.code;
    const [classes, mark, said] = recorded ? RECORDED : MARKS[unchecked ? null : own.passed];
    const detail = unchecked ? 'the issuer’s keys are not here' : own.detail;
    const sign = made('span', `mark ${classes}`, mark);
    sign.setAttribute('aria-hidden', 'true');
    const line = made('li', classes, sign, made('span', 'unseen', `${said}: `), made('strong', '', own.about));
    const about = made('div', 'detail', ...worded(detail));
    if (own.code) about.append(' ', made('code', 'code', own.code));
    if (own.hint) about.append(made('p', 'hint', ...worded(sentence(own.hint))));
    line.append(about);
    return line;
  }

  function answered({ answer, goes_on: goesOn, text }) {
    // What the server gets, as the text ends.
    if (!answer) return goesOn ? `The server responds.\n\n${text.split('\n\n').pop()}`.trim() : 'None yet.';
    const headers = answer.headers.map(([name, value]) => `${name}: ${value}`);
    return `HTTP ${answer.status}\n${headers.join('\n')}\n\n${answer.body}`;
  }

  let drawn = null;

  function redraw() {
    const place = element('picture');
    if (!drawn) return place.replaceChildren();
    const width = Math.max(240, Math.floor(place.clientWidth));
    picture.draw(place, drawn.way, drawn.answer && !drawn.goes_on ? `${drawn.answer.status} ${drawn.reason ?? ''}`.trim() : '', width);
  }

  function explain(own) {
    const is = own && !own.error;
    drawn = is ? own : null;
    redraw();
    for (const id of ['checks-more', 'answer-more', 'explain-more']) element(id).hidden = !is;
    if (!is) {
      say('verdict', made('p', 'verdict none', own ? own.error : 'The configuration is refused: no request can be explained. Its faults are below.'));
      return element('help').replaceChildren();
    }
    const shadow = own.decision === 'shadow_deny';
    const kind = own.goes_on ? (shadow ? 'doubtful' : 'good') : 'bad';
    const title = own.goes_on ? (own.answer ? 'Answered' : shadow ? 'Goes on, and is recorded' : 'Allowed') : own.answer ? 'Refused' : 'Waits';
    const hints = own.checks.filter((one) => one.passed === false && one.hint).map((one) => sentence(one.hint));
    // The hints stand below.
    const cause = hints.reduce((text, hint) => text.replace(`. ${hint}`, ''), own.summary);
    say('verdict', made('p', `verdict ${kind}`, made('strong', '', `${title}:`), ' ', ...worded(cause)));
    const scope = own.answer?.headers.find(([name]) => name === 'www-authenticate')?.[1].match(/scope="([^"]*)"/)?.[1];
    const help = [...new Set(hints)].map((hint) => made('li', '', ...worded(hint)));
    if (scope && !own.goes_on) help.push(made('li', '', 'The challenge asks for the scope ', made('code', '', scope), '.'));
    element('help').replaceChildren(...(help.length ? [made('h3', '', 'What would help'), made('ul', '', ...help)] : []));
    element('checks').replaceChildren(...own.checks.map((one) => check(one, own.signature_checked)));
    element('answer').textContent = answered(own);
    element('explain-text').replaceChildren(...printed(own.text));
  }

  function list(own) {
    const place = element('list');
    place.parentElement.hidden = own === undefined;
    if (own === undefined) return place.replaceChildren();
    if (own === null) return place.replaceChildren(made('p', 'empty', 'Give a list of tools to see it trimmed.'));
    if (own.error) return place.replaceChildren(failed(own.error));
    if (own.waits) return place.replaceChildren(made('p', 'empty', 'The list waits for what the issuer says of the token.'));
    if (!own.shown) return place.replaceChildren(made('p', 'empty', `No list: ${own.status} ${own.reason ?? ''}`));
    const tool = (classes, mark, said, name, why) => {
      const sign = made('span', `mark ${classes}`, mark);
      sign.setAttribute('aria-hidden', 'true');
      const line = made('li', classes, sign, made('span', 'unseen', `${said}: `), made('code', '', name));
      if (why) line.append(' ', made('span', 'detail', why));
      return line;
    };
    const why = (hidden) => (hidden.missing.length ? `needs ${hidden.missing.join(' + ')}` : hidden.reason ?? '');
    const all = own.shown.length + own.hidden.length;
    const lines = [
      ...own.shown.slice(0, MOST_LINES).map((name) => tool('good', '✓', 'shown', name)),
      ...own.hidden.slice(0, MOST_LINES).map((hidden) => tool('bad', '✗', 'hidden', hidden.name, why(hidden))),
    ];
    if (lines.length < all) lines.push(made('li', 'faint', `and ${all - lines.length} more`));
    place.replaceChildren(
      made('p', '', `${own.shown.length} of ${all} tools.`),
      made('ul', 'tools', ...lines),
      more('As the command line prints it', own.text),
    );
  }

  /** A folded text of the command line. */
  function more(title, text) {
    const summary = made('summary', '', title);
    const pre = made('pre', '', ...printed(text));
    pre.tabIndex = 0;
    pre.setAttribute('role', 'region');
    pre.setAttribute('aria-label', title);
    return made('details', '', summary, pre);
  }

  const CELLS = { yes: 'good', any: 'good', base: 'good', open: 'good', part: 'doubtful', no: 'bad', '.': 'faint' };

  function cell(word) {
    const own = made('td', CELLS[word] ?? '');
    if (word !== '.') return own.append(word), own;
    const dot = made('span', '', '·');
    dot.setAttribute('aria-hidden', 'true');
    own.append(dot, made('span', 'unseen', 'no effect'));
    return own;
  }

  const heading = (scope, ...children) => {
    const own = made('th', '', ...children);
    own.scope = scope;
    return own;
  };

  function table(own, scenario) {
    const several = new Set(scenario.rows.map((row) => row.kind)).size > 1;
    const rows = scenario.rows.map((row) => made('tr', '',
      heading('row', made('code', '', row.name), ...(several ? [made('span', 'faint', ` ${row.kind.replace(/s$/, '')}`)] : [])),
      ...row.cells.map(cell),
      made('td', 'needs', [row.needs, row.conditions].filter(Boolean).join(', '))));
    const scopes = own.scopes.map((scope) => heading('col', made('code', '', scope)));
    const caption = made('caption', '', scenario.name, ...(scenario.about ? [made('span', 'faint', ` ${scenario.about}`)] : []));
    const whole = made('table', '', caption,
      made('thead', '', made('tr', '', heading('col', 'Tool'), ...scopes, heading('col', 'Needs'))), made('tbody', '', ...rows));
    const frame = made('div', 'frame', whole);
    frame.tabIndex = 0;
    frame.setAttribute('role', 'region');
    frame.setAttribute('aria-label', `Matrix: ${scenario.name}`);
    return frame;
  }

  function matrix(own) {
    const place = element('matrix');
    place.parentElement.hidden = !own;
    if (!own) return place.replaceChildren();
    if (own.error) return place.replaceChildren(failed(own.error));
    const parts = own.scenarios.map((scenario) => table(own, scenario));
    if (own.base_scopes.length) parts.unshift(made('p', '', 'Always required: ', made('code', '', own.base_scopes.join(' '))));
    if (own.in_shadow) parts.unshift(made('p', 'doubtful', 'In shadow mode: denials are recorded only.'));
    if (own.without_effect.length) parts.push(made('p', 'hint', `No effect on these: ${own.without_effect.join(', ')}`));
    if (own.notes) parts.push(...own.notes.trim().split('\n').slice(0, MOST_LINES).map((note) => made('p', 'hint', ...worded(sentence(note)))));
    parts.push(made('p', 'hint', 'yes: this scope opens the tool; part: it is needed with others; any: every token will do; open: no token is needed; no: no scope helps.'));
    place.replaceChildren(...parts, more('As toolgate matrix prints it', own.text));
  }

  /** Selects a line of the configuration. */
  function select(line) {
    const config = element('config');
    const lines = config.value.split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, own) => sum + own.length + 1, 0);
    config.focus();
    config.setSelectionRange(start, start + (lines[line - 1] ?? '').length);
    config.scrollTop = Math.max(0, (line - 4) * (config.scrollHeight / Math.max(lines.length, 1)));
  }

  function remark(classes, kind, own) {
    const line = made('button', 'line', `Line ${own.line}`);
    line.type = 'button';
    line.addEventListener('click', () => select(own.line));
    const message = own.path ? [made('code', '', own.path), ' ', ...worded(own.message)] : worded(own.message);
    return made('li', classes, line, ' ', made('strong', '', kind), ' ', ...message);
  }

  function configuration(own) {
    const place = element('check');
    if (own.error) return place.replaceChildren(failed(own.error));
    const kinds = [['bad', 'fault', own.faults], ['doubtful', 'warning', own.warnings], ['faint', 'note', own.notes]];
    const remarks = kinds.flatMap(([classes, kind, all]) => all.map((one) => remark(classes, kind, one)));
    const counts = kinds.slice(0, 2).map(([, kind, all]) => `${all.length || 'no'} ${kind}${all.length > 1 ? 's' : ''}`).join(', ');
    const summary = more('As toolgate check prints it', own.text);
    summary.open = remarks.length === 0;
    place.replaceChildren(made('p', own.accepted ? (own.warnings.length ? 'doubtful' : 'good') : 'bad', `${own.accepted ? 'Accepted' : 'Refused'}: ${counts}.`),
      ...(remarks.length ? [made('ul', 'remarks', ...remarks)] : []), summary);
  }

  /** Shows all answers. */
  function all(answers) {
    if (answers.error) answers = { check: { error: answers.error } };
    configuration(answers.check);
    explain(answers.check.error ? { error: answers.check.error } : answers.explain);
    matrix(answers.matrix);
    list(answers.check.error || !answers.explain ? undefined : answers.list);
  }

  return { all, redraw, made };
})();
