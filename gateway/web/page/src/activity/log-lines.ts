/** Lines of the gateway's log. */

import { isRecord } from "../client/frames";

export interface LogLine {
  at: string;
  level: string;
  subsystem: string;
  message: string;
}

export const LEVELS = ["debug", "info", "warning", "error"];

/** A line as it is shown; one that is not JSON is its own message. */
export function readLine(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) {
      const member = (name: string) => (typeof value[name] === "string" ? value[name] : "");
      return {
        at: member("time"),
        level: member("level"),
        subsystem: member("subsystem"),
        message: member("message"),
      };
    }
  } catch {
    // A line of an older format, or one that was cut.
  }
  return { at: "", level: "", subsystem: "", message: text };
}

/** Whether a line is at least as severe as `level` and holds `words`. */
export function matches(line: LogLine, level: string, words: string): boolean {
  if (LEVELS.indexOf(line.level) < LEVELS.indexOf(level) && line.level !== "") return false;
  return `${line.subsystem} ${line.message}`.toLowerCase().includes(words.toLowerCase());
}
