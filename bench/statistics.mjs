// Medians, spreads, and tables of them.

/** The middle one of some numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Half of the distance from the smallest to the largest, in percent of the median. */
export function spread(numbers) {
  return ((Math.max(...numbers) - Math.min(...numbers)) / 2 / median(numbers)) * 100;
}

/** A table in Markdown: the first column is text, the others are numbers. */
export function table(columns, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map((_, n) => (n === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Microseconds as a reader wants them: three digits. */
export const micros = (number) => (number >= 100 ? Math.round(number).toLocaleString('en') : number.toPrecision(3));
/** Milliseconds of a number of microseconds. */
export const millis = (number) => (number / 1000).toFixed(2);
export const ratio = (number) => number.toFixed(2);
export const percent = (number) => `${number.toFixed(1)} %`;
