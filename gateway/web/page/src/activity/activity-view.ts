/** Activity: what was done and by whom, what agents did, and the gateway's log. */

import { html, nothing, type TemplateResult } from "lit";
import type { App } from "../app/app";
import { Names } from "../app/names";
import { frame, problem } from "../app/parts";
import { addressOf } from "../app/routes";
import { View } from "../app/view";
import type { MethodName } from "../client/frames";
import type { AuditEntry, AuditEvent } from "../client/wire";
import { clock } from "../text/amounts";
import { LEVELS, type LogLine, matches, readLine } from "./log-lines";

type Tab = "audit" | "agents" | "log";

const TABS: [Tab, string, MethodName, string][] = [
  [
    "audit",
    "What was done",
    "audit.entries",
    "Every decision and change, in a log that shows whether somebody altered it.",
  ],
  ["agents", "Agents", "audit.list", "What agents did: when and with what end, without content."],
  ["log", "Log", "logs.tail", "What the gateway wrote down, newest first."],
];
const PAGE = 100;
const FOLLOW_MS = 2_000;
/** More lines than anybody reads; older ones are in the file. */
const MAX_LINES = 2_000;

export class ActivityView extends View {
  static override properties = { ...View.properties, place: { attribute: false } };

  place = "";
  readonly #names = new Names();
  #entries: AuditEntry[] = [];
  #more: string | undefined;
  #events: AuditEvent[] = [];
  #lines: LogLine[] = [];
  #cursor: number | undefined;
  #level = "info";
  #words = "";

  override render(): TemplateResult {
    const offered = this.#offered();
    const tab = this.#tab();
    const intro = offered.find(([name]) => name === tab)?.[3] ?? "";
    return frame(
      "Activity",
      intro,
      html`<nav class="tabs" aria-label="Kinds of activity"><ul>
          ${offered.map(([name, title]) => html`<li><a href=${addressOf("activity", name)} aria-current=${name === tab ? "page" : nothing}>${title}</a></li>`)}
        </ul></nav>
        ${problem(this.trouble)}
        ${tab === "audit" ? this.#audit() : tab === "agents" ? this.#agents() : this.#log()}`,
    );
  }

  protected override attached(): void {
    const following = setInterval(() => {
      if (document.visibilityState === "visible") void this.#load();
    }, FOLLOW_MS);
    this.follow(() => clearInterval(following));
  }

  protected override connected(): void {
    this.#cursor = undefined;
    void this.attempt(() => this.#names.load(this.app.gateway));
    void this.#load();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.has("place") && changed.get("place") !== undefined) void this.#load();
  }

  #offered(): typeof TABS {
    return TABS.filter(
      ([name, , method]) =>
        this.app.gateway.offers(method) && (name !== "audit" || this.app.gateway.may("operator.admin")),
    );
  }

  #tab(): Tab {
    const offered = this.#offered();
    return offered.find(([name]) => name === this.place)?.[0] ?? offered[0]?.[0] ?? "log";
  }

  #audit(): TemplateResult {
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="What was done">
      <table class="plain stacked"><thead><tr><th>When</th><th>What</th><th>To what</th><th>By whom</th><th>Result</th></tr></thead>
      <tbody>${this.#entries.map(
        (entry) => html`<tr data-outcome=${entry.outcome === "ok" ? "ok" : "other"}>
          <td class="when">${clock(entry.tsMs)}</td><td>${entry.action}</td><td>${this.#names.of(entry.subject)}</td>
          <td>${this.#names.of(entry.actor)}</td><td>${entry.outcome}</td></tr>`,
      )}</tbody></table></div>
      ${this.#entries.length === 0 ? html`<p class="empty">Nothing yet.</p>` : nothing}
      ${this.#more === undefined ? nothing : html`<button class="quiet" @click=${this.#older}>Show older ones</button>`}`;
  }

  #agents(): TemplateResult {
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="What agents did">
      <table class="plain stacked"><thead><tr><th>When</th><th>Agent</th><th>What</th><th>Result</th><th>Where</th></tr></thead>
      <tbody>${this.#events.map(
        (event) => html`<tr data-outcome=${["succeeded", "started"].includes(event.status) ? "ok" : "other"}>
          <td class="when">${clock(event.occurredAt)}</td><td>${event.agentId}</td>
          <td>${event.toolName ? `tool ${event.toolName}` : event.action}</td><td>${event.status}</td>
          <td>${event.sessionKey ? html`<a href=${addressOf("chat", event.sessionKey)}>conversation</a>` : nothing}</td></tr>`,
      )}</tbody></table></div>
      ${this.#events.length === 0 ? html`<p class="empty">No agent did anything yet.</p>` : nothing}`;
  }

  #log(): TemplateResult {
    const lines = this.#lines.filter((line) => matches(line, this.#level, this.#words)).reverse();
    return html`<div class="filters">
        <label>At least <select @change=${this.#chooseLevel}>${LEVELS.map(
          (level) => html`<option .selected=${level === this.#level}>${level}</option>`,
        )}</select></label>
        <label>Holding <input type="search" maxlength="100" @input=${this.#chooseWords}></label>
      </div>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Log">
        <table class="plain log"><tbody>${lines.map(
          (line) => html`<tr data-level=${line.level}>
            <td class="when">${line.at === "" ? "" : clock(Date.parse(line.at))}</td><td>${line.level}</td>
            <td>${line.subsystem}</td><td>${line.message}</td></tr>`,
        )}</tbody></table>
      </div>
      ${lines.length === 0 ? html`<p class="empty">No line like that.</p>` : nothing}`;
  }

  async #load(): Promise<void> {
    const { gateway } = this.app;
    if (gateway.state.phase !== "ready") return;
    const tab = this.#tab();
    await this.attempt(async () => {
      if (tab === "audit") await this.#loadAudit();
      else if (tab === "agents") this.#events = (await gateway.call("audit.list", { limit: PAGE })).events;
      else await this.#tail();
    });
  }

  /** The newest page; what was read beyond it stays below. */
  async #loadAudit(): Promise<void> {
    const page = await this.app.gateway.call("audit.entries", { limit: PAGE });
    const oldest = page.entries.at(-1)?.seq ?? 0;
    const kept = this.#entries.filter((entry) => entry.seq < oldest);
    if (kept.length === 0) this.#more = page.nextCursor ?? undefined;
    this.#entries = [...page.entries, ...kept];
  }

  async #older(): Promise<void> {
    await this.attempt(async () => {
      const page = await this.app.gateway.call("audit.entries", { limit: PAGE, cursor: this.#more ?? null });
      this.#entries = [...this.#entries, ...page.entries];
      this.#more = page.nextCursor ?? undefined;
    });
  }

  async #tail(): Promise<void> {
    const page = await this.app.gateway.call(
      "logs.tail",
      this.#cursor === undefined ? {} : { cursor: this.#cursor },
    );
    const fresh = page.lines.map(readLine);
    this.#lines = [...(page.reset ? [] : this.#lines), ...fresh].slice(-MAX_LINES);
    if (this.#cursor === undefined) this.#lines = fresh;
    this.#cursor = page.cursor;
  }

  #chooseLevel(event: Event): void {
    this.#level = (event.target as HTMLSelectElement).value;
    this.requestUpdate();
  }

  #chooseWords(event: Event): void {
    this.#words = (event.target as HTMLInputElement).value;
    this.requestUpdate();
  }
}

customElements.define("homarus-activity", ActivityView);

export function activityView(app: App, rest: string): TemplateResult {
  return html`<homarus-activity .app=${app} .place=${rest}></homarus-activity>`;
}
