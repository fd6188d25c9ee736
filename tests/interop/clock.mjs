// Seconds since the run began, before each line that tells of progress.
export const at = () => `[${String(Math.round(performance.now() / 1000)).padStart(5)} s]`;

export const say = (text) => console.log(`${at()} ${text}`);
