// What is checked, said as it goes.
import { isDeepStrictEqual } from 'node:util';
import { paint } from '../../demo/wire.mjs';

export class Checks {
  #section;
  count = 0;
  failures = [];

  section(title) {
    this.#section = title;
    console.log(`\n${paint('bold', title)}`);
  }

  equal(rule, got, expected) {
    this.count += 1;
    const isSo = isDeepStrictEqual(got, expected);
    console.log(isSo ? `  ${paint('green', '✓')} ${rule}` : `  ${paint('red', '✗')} ${rule}: expected ${text(expected)}, got ${text(got)}`);
    if (!isSo) this.failures.push(`${this.#section}: ${rule}`);
  }

  note(name, value) {
    console.log(`    ${paint('dim', `${name}:`)} ${value}`);
  }
}

const text = (value) => JSON.stringify(value)?.slice(0, 600);
