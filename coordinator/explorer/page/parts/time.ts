/** Times and lengths of time as people read them. */

const pad = (value: number, length = 2) => String(value).padStart(length, '0');

/** `14:03:07.120`, in this machine's time zone. */
export function clockTime(ms: number, withMillis = false): string {
  const date = new Date(ms);
  const text = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return withMillis ? `${text}.${pad(date.getMilliseconds(), 3)}` : text;
}

/** `2026-01-31 14:03:07`, in this machine's time zone. */
export function dateTime(ms: number): string {
  const date = new Date(ms);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clockTime(ms)}`;
}

/** `850 ms`, `12.4 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const size = Math.abs(ms);
  const sign = ms < 0 ? '\u2212' : '';
  if (size < 1_000) return `${sign}${Math.round(size)} ms`;
  if (size < 60_000) return `${sign}${(size / 1_000).toFixed(1)} s`;
  const seconds = Math.round(size / 1_000);
  if (seconds < 3_600) return `${sign}${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return `${sign}${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  return `${sign}${Math.floor(minutes / 1_440)} d ${Math.floor((minutes % 1_440) / 60)} h`;
}

/** Seconds with one decimal, for columns. */
export function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

/** `97.3 %` of parts per million. */
export function percent(share: number, decimals = 1): string {
  return `${(share * 100).toFixed(decimals)}\u202f%`;
}
