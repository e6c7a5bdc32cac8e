/** The list of sessions, kept current by events. */

import type { Gateway } from "../client/gateway";
import type { SessionRow, SessionsChanged } from "../client/wire";

const PAGE = 100;

export class SessionIndex {
  rows: SessionRow[] = [];
  hasMore = false;
  archived = false;
  search = "";
  readonly #gateway: Gateway;
  readonly #changed: () => void;

  constructor(gateway: Gateway, changed: () => void) {
    this.#gateway = gateway;
    this.#changed = changed;
  }

  /** Read the first page, and receive changes from now on. */
  async load(): Promise<void> {
    const answer = await this.#gateway.call("sessions.subscribe", {
      limit: PAGE,
      includeDerivedTitles: true,
      includeLastMessage: true,
      archived: this.archived,
      sortBy: "lastInteractionAt",
      ...(this.search === "" ? {} : { search: this.search }),
    });
    this.rows = answer.list?.sessions ?? [];
    this.hasMore = answer.list?.hasMore ?? false;
    this.#changed();
  }

  find(key: string): SessionRow | undefined {
    return this.rows.find((row) => row.key === key);
  }

  /** Take what an event says about a session; true when the list must be read again. */
  apply(
    event: Pick<SessionsChanged, "session"> & { sessionKey?: string | null; reason?: string | null },
  ): boolean {
    const fresh = event.session;
    if (!fresh) return true;
    const known = this.find(fresh.key);
    if (fresh.archived !== this.archived) {
      this.rows = this.rows.filter((row) => row.key !== fresh.key);
    } else if (known !== undefined) {
      // Titles and previews are made for lists only; an event's row lacks them.
      const merged = { ...fresh, derivedTitle: fresh.derivedTitle ?? known.derivedTitle };
      this.rows = this.rows.map((row) => (row.key === fresh.key ? merged : row));
    } else if (this.search === "" && fresh.updatedAt !== null) {
      this.rows = [fresh, ...this.rows];
    }
    this.#changed();
    return fresh.derivedTitle === undefined && known?.derivedTitle === undefined;
  }
}

/** What a session is called: its name, else its beginning, else what it is. */
export function titleOf(row: SessionRow | undefined, key: string): string {
  if (row?.label) return row.label;
  const main = /^agent:([^:]+):main$/.exec(key);
  if (main !== null) return main[1] === "main" ? "Main conversation" : `Main conversation of ${main[1]}`;
  if (row?.displayName) return row.displayName;
  if (row?.derivedTitle) return row.derivedTitle;
  return row === undefined || row.updatedAt === null ? "New conversation" : key;
}
