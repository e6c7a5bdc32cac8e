/** The list of sessions with search, and what can be done with one. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { App } from "../app/app";
import { ask } from "../app/confirm";
import { icon } from "../app/icons";
import { addressOf } from "../app/routes";
import { explain } from "../client/frames";
import type { AgentSummary, SearchResult, SessionRow } from "../client/wire";
import { ago } from "../text/amounts";
import { SessionIndex, titleOf } from "./sessions";

const SEARCH_DELAY_MS = 250;
/** Shorter words match half of what was ever said. */
const MESSAGE_SEARCH_CHARS = 3;

export class SessionList extends LitElement {
  static override properties = { app: { attribute: false }, current: { attribute: false } };

  app!: App;
  current = "";
  #index!: SessionIndex;
  #found: SearchResult[] = [];
  #renaming = "";
  #trouble = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #agents: AgentSummary[] = [];
  #agent = "";
  #fresh: string = crypto.randomUUID();
  readonly #endings: (() => void)[] = [];

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { gateway } = this.app;
    this.#index = new SessionIndex(gateway, () => this.requestUpdate());
    this.#endings.push(
      gateway.on("sessions.changed", (event) => {
        if (this.#index.apply(event)) this.#loadSoon();
      }),
      gateway.on("session.message", (event) => {
        if (this.#index.apply(event)) this.#loadSoon();
      }),
      // The subscription ends with the gateway; after a resume it is still there, the list still right.
      gateway.onReady((resumed) => {
        if (!resumed) void this.#load();
      }),
    );
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    for (const end of this.#endings.splice(0)) end();
  }

  override render(): TemplateResult {
    return html`
      <div class="list-head">
        <h2>Conversations</h2>
        <span class="spacer"></span>
        <a class="button" href=${addressOf("chat", this.#freshKey())} @click=${this.#begin}>${icon("plus")}New</a>
        <button class="icon-button list-close" aria-label="Back to the conversation" @click=${this.#chosen}>${icon("close")}</button>
      </div>
      ${this.#agents.length < 2 ? nothing : this.#agentChoice()}
      <label class="search">
        ${icon("search")}<span class="unseen">Search conversations</span>
        <input type="search" placeholder="Search" maxlength="200" @input=${this.#search}>
      </label>
      ${this.#trouble === "" ? nothing : html`<p class="problem" role="alert">${this.#trouble}</p>`}
      <ul class="session-rows">
        ${repeat(
          this.#index.rows,
          (row) => row.key,
          (row) => (row.key === this.#renaming ? this.#renameForm(row) : this.#row(row)),
        )}
      </ul>
      ${this.#index.rows.length === 0 ? html`<p class="empty">${this.#emptyText()}</p>` : nothing}
      ${this.#found.length === 0 ? nothing : this.#hits()}
      <label class="check"><input type="checkbox" .checked=${this.#index.archived} @change=${this.#showArchived}>Show archived</label>`;
  }

  #row(row: SessionRow): TemplateResult {
    const title = titleOf(row, row.key);
    return html`<li class="session-row" ?data-current=${row.key === this.current}>
      <a
        href=${addressOf("chat", row.key)}
        aria-current=${row.key === this.current ? "page" : nothing}
        @click=${this.#chosen}
      >
        <span class="session-title">
          ${title}${row.unread && row.key !== this.current ? html`<span class="unread"><span class="unseen">, unread</span></span>` : nothing}
        </span>
        <span class="session-note">${row.hasActiveRun ? "Answering…" : (row.lastMessagePreview ?? "")}</span>
        <time>${row.updatedAt === null ? "" : ago(row.updatedAt)}</time>
      </a>
      <span class="session-tools">
        <button class="icon-button" aria-label=${`Rename ${title}`} @click=${() => this.#startRename(row)}>${icon("pencil")}</button>
        ${row.isMain ? nothing : this.#archiveButton(row, title)}
      </span>
    </li>`;
  }

  #archiveButton(row: SessionRow, title: string): TemplateResult {
    const label = `${row.archived ? "Restore" : "Archive"} ${title}`;
    return html`<button class="icon-button" aria-label=${label} title=${label} @click=${() => this.#archive(row)}>${icon("archive")}</button>
      ${row.archived ? html`<button class="icon-button" aria-label=${`Delete ${title}`} @click=${() => this.#delete(row, title)}>${icon("close")}</button>` : nothing}`;
  }

  #renameForm(row: SessionRow): TemplateResult {
    const save = (event: SubmitEvent) => {
      event.preventDefault();
      const field = (event.target as HTMLFormElement).elements.namedItem("label") as HTMLInputElement;
      void this.#rename(row, field.value.trim());
    };
    const cancel = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      this.#renaming = "";
      this.requestUpdate();
    };
    return html`<li class="session-row"><form class="rename" @submit=${save} @keydown=${cancel}>
      <label class="unseen" for="session-name">Name of the conversation</label>
      <input id="session-name" name="label" maxlength="512" .value=${row.label ?? ""} placeholder=${titleOf(row, row.key)}>
      <button class="primary">Save</button>
    </form></li>`;
  }

  #hits(): TemplateResult {
    return html`<h3>In messages</h3>
      <ul class="session-rows hits">
        ${this.#found.map(
          (hit) => html`<li class="session-row">
            <a href=${addressOf("chat", hit.sessionKey)} @click=${this.#chosen}>
              <span class="session-title">${titleOf(this.#index.find(hit.sessionKey), hit.sessionKey)}</span>
              <span class="session-note">${hit.snippet}</span>
              <time>${ago(hit.timestamp)}</time>
            </a>
          </li>`,
        )}
      </ul>`;
  }

  #emptyText(): string {
    if (this.#index.search !== "") return "No conversation has that in its name.";
    return this.#index.archived ? "Nothing is archived." : "No conversation yet. Write the first message.";
  }

  get #defaultAgent(): string {
    return this.app.gateway.hello?.snapshot.sessionDefaults?.defaultAgentId ?? "main";
  }

  #agentChoice(): TemplateResult {
    const choose = (event: Event) => {
      this.#agent = (event.target as HTMLSelectElement).value;
      this.requestUpdate();
    };
    const chosen = this.#agent || this.#defaultAgent;
    return html`<label class="agent">New ones with <select @change=${choose}>
      ${this.#agents.map(({ id, name }) => html`<option value=${id} .selected=${id === chosen}>${name || id}</option>`)}
    </select></label>`;
  }

  /** A conversation begins with its first message; until then its key is only a name. */
  #freshKey(): string {
    return `agent:${this.#agent || this.#defaultAgent}:dashboard:${this.#fresh}`;
  }

  #begin = (): void => {
    this.#fresh = crypto.randomUUID();
    this.#chosen();
  };

  #chosen = (): void => {
    this.dispatchEvent(new CustomEvent("chosen", { bubbles: true }));
  };

  #search(event: Event): void {
    this.#index.search = (event.target as HTMLInputElement).value.trim();
    this.#loadSoon();
  }

  #showArchived(event: Event): void {
    this.#index.archived = (event.target as HTMLInputElement).checked;
    void this.#load();
  }

  #loadSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), SEARCH_DELAY_MS);
  }

  async #load(): Promise<void> {
    const { gateway } = this.app;
    try {
      await this.#index.load();
      if (gateway.offers("agents.list")) this.#agents = (await gateway.call("agents.list", {})).agents;
      const query = this.#index.search;
      const wanted = query.length >= MESSAGE_SEARCH_CHARS && gateway.offers("sessions.search");
      this.#found = wanted ? (await gateway.call("sessions.search", { query })).results : [];
      this.#trouble = "";
    } catch (error) {
      this.#trouble = gateway.state.phase === "ready" ? explain(error) : "";
    }
    this.requestUpdate();
  }

  #startRename(row: SessionRow): void {
    this.#renaming = row.key;
    this.requestUpdate();
    void this.updateComplete.then(() => document.getElementById("session-name")?.focus());
  }

  async #rename(row: SessionRow, label: string): Promise<void> {
    this.#renaming = "";
    await this.#change(() =>
      this.app.gateway.call("sessions.patch", { key: row.key, label: label === "" ? null : label }),
    );
  }

  async #archive(row: SessionRow): Promise<void> {
    const archived = !row.archived;
    const expectedSessionId = row.sessionId ?? null;
    const done = await this.#change(() =>
      this.app.gateway.call("sessions.patch", { key: row.key, archived, expectedSessionId }),
    );
    if (done) this.app.say(archived ? "Archived" : "Restored");
  }

  async #delete(row: SessionRow, title: string): Promise<void> {
    const text = `“${title}” and everything said in it is erased for good.`;
    if (
      (await ask({ title: "Delete the conversation?", text, action: "Delete", danger: true })) === undefined
    )
      return;
    const expectedSessionId = row.sessionId ?? null;
    const call = { key: row.key, archivedOnly: true, expectedSessionId };
    if (await this.#change(() => this.app.gateway.call("sessions.delete", call))) this.app.say("Deleted");
    await this.#load();
  }

  async #change(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      this.#trouble = "";
      return true;
    } catch (error) {
      this.#trouble = explain(error);
      return false;
    } finally {
      this.requestUpdate();
    }
  }
}

customElements.define("homarus-sessions", SessionList);
