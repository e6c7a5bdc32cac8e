/** Times, sizes and numbers as a person reads them. */

const UNITS: [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** `3 h 4 min`: the two largest units of a span of milliseconds. */
export function span(ms: number): string {
  const parts: string[] = [];
  let rest = Math.max(ms, 0);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0 && parts.length < 2) parts.push(`${count} ${unit}`);
    rest -= count * size;
  }
  return parts.join(" ") || "less than a second";
}

/** `5 min ago`, `now`, or `never`. */
export function ago(at: number | null | undefined, now: number = Date.now()): string {
  if (at === null || at === undefined) return "never";
  const passed = now - at;
  if (passed < 45_000) return "now";
  return `${span(passed).split(" ").slice(0, 2).join(" ")} ago`;
}

/** Day and time, as this browser's language writes it. */
export function moment(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** The time of a day, with the date when it is another day. */
export function clock(at: number, now: number = Date.now()): string {
  const date = new Date(at);
  const today = new Date(now).toDateString() === date.toDateString();
  return today
    ? date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

/** `1.5 MiB`. */
export function size(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** The beginning of a long id, enough to tell it from others. */
export function shortId(id: string): string {
  return id.length > 16 ? `${id.slice(0, 12)}…` : id;
}
