// A bar chart as SVG, readable on a light page and on a dark one.

const [WIDTH, LABELS, ROW, TOP] = [910, 380, 30, 46];

/** Horizontal bars with a line from the smallest to the largest round. Those of `ours` stand out. */
export function bars(title, rows) {
  // The largest few would leave the rest no room: a bar that is cut says so with its number.
  const most = 1.15 * [...rows].map(({ high }) => high).sort((a, b) => a - b).at(-2);
  const scale = (value) => (Math.min(value, most) / most) * (WIDTH - LABELS - 90);
  const height = TOP + rows.length * ROW + 10;
  const drawn = rows.map(({ label, ours, value, low, high }, n) => {
    const [y, end] = [TOP + n * ROW, LABELS + scale(value)];
    const colour = ours ? '#2a78d6' : '#8a8a86';
    return `
  <text x="${LABELS - 10}" y="${y + 15}" text-anchor="end">${escape(label)}</text>
  <rect x="${LABELS}" y="${y + 3}" width="${scale(value).toFixed(1)}" height="16" rx="2" fill="${colour}"/>
  <path d="M${(LABELS + scale(low)).toFixed(1)} ${y + 11}H${(LABELS + scale(high)).toFixed(1)}" stroke="#52514e"/>
  <text x="${(Math.max(end, LABELS + scale(high)) + 8).toFixed(1)}" y="${y + 15}">${value >= 100 ? Math.round(value) : value.toFixed(1)}${value > most ? ' (cut)' : ''}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">
  <style>text { fill: #1a1a19 } @media (prefers-color-scheme: dark) { text { fill: #e8e8e5 } path { stroke: #c3c2b7 } }</style>
  <text x="${LABELS}" y="24" font-weight="600">${escape(title)}</text>${drawn.join('')}
</svg>
`;
}

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
