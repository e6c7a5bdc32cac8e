/** Chat: the sessions beside one conversation. */

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { App } from "../app/app";
import { icon } from "../app/icons";
import { addressOf } from "../app/routes";
import { View } from "../app/view";
import type { HistoryView, SessionRow } from "../client/wire";
import "./composer";
import { Conversation } from "./conversation";
import { modelName } from "./messages";
import "./questions";
import { rowTemplate } from "./rows";
import "./session-list";
import { titleOf } from "./sessions";

const PAGE = 100;
/** Nearer to the end than this, the conversation keeps itself at the end. */
const NEAR_PX = 120;

export class ChatView extends View {
  static override properties = { ...View.properties, sessionKey: { attribute: false } };

  sessionKey = "";
  #conversation = new Conversation();
  #row: SessionRow | undefined;
  #loaded = false;
  #listShown = false;
  #atEnd = true;
  /** While a history is read, what happens meanwhile waits here: the history may be older than it. */
  #meanwhile: (() => void)[] | undefined;

  override render(): TemplateResult {
    const rows = this.#conversation.rows(this.app.outbox.of(this.sessionKey));
    return html`<div class="chat" ?data-list=${this.#listShown}>
      <aside class="sessions" id="sessions" aria-label="Conversations" @chosen=${() => this.#showList(false)} @keydown=${this.#escape}>
        <homarus-sessions .app=${this.app} .current=${this.sessionKey}></homarus-sessions>
      </aside>
      <section class="conversation" aria-labelledby="conversation-title">
        <header>
          <button class="icon-button list-toggle" aria-label="Conversations" aria-expanded=${this.#listShown}
            aria-controls="sessions" @click=${() => this.#showList(!this.#listShown)}>${icon("list")}</button>
          <h1 id="conversation-title">${titleOf(this.#row, this.sessionKey)}</h1>
          <p class="model">${this.#modelText()}</p>
        </header>
        <div class="messages" role="log" aria-label="Messages" aria-live="polite" tabindex="0" @scroll=${this.#scrolled}>
          <div class="column">
            ${this.#conversation.hasMore ? html`<button class="quiet earlier" @click=${this.#earlier}>Show earlier messages</button>` : nothing}
            ${rows.length === 0 && this.#loaded ? this.#welcome() : nothing}
            ${repeat(
              rows,
              (row) => row.id,
              (row) => rowTemplate(row, this.app.outbox),
            )}
          </div>
        </div>
        <footer class="column">
          ${this.trouble === "" ? nothing : html`<p class="problem" role="alert">${this.trouble}</p>`}
          <homarus-questions .app=${this.app} .sessionKey=${this.sessionKey}></homarus-questions>
          ${this.#permission()}
          <homarus-composer
            .app=${this.app} .sessionKey=${this.sessionKey}
            .running=${this.#conversation.running.length > 0} .queueMode=${this.#row?.effectiveQueueMode ?? "steer"}
          ></homarus-composer>
        </footer>
      </section>
    </div>`;
  }

  protected override attached(): void {
    const { gateway, outbox } = this.app;
    this.follow(outbox.watch(() => this.requestUpdate()));
    this.follow(this.app.attention.watch(() => this.requestUpdate()));
    this.follow(
      gateway.on("session.message", (event) => {
        this.#mine(event, () => this.#conversation.stored(event.message));
        if (event.sessionKey === this.sessionKey && event.session) this.#seen(event.session);
      }),
    );
    this.follow(gateway.on("chat", (event) => this.#mine(event, () => this.#conversation.said(event))));
    this.follow(
      gateway.on("session.tool", (event) => this.#mine(event, () => this.#conversation.used(event))),
    );
    this.follow(
      gateway.on("sessions.changed", (event) => {
        if (event.sessionKey !== this.sessionKey || !event.session) return;
        this.#seen(event.session);
      }),
    );
    const visible = () => this.#markRead();
    document.addEventListener("visibilitychange", visible);
    this.follow(() => document.removeEventListener("visibilitychange", visible));
  }

  protected override connected(resumed: boolean): void {
    if (!resumed || !this.#loaded) void this.#load();
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has("sessionKey") || changed.get("sessionKey") === undefined) return;
    this.#conversation = new Conversation();
    this.#row = undefined;
    this.#loaded = false;
    this.#atEnd = true;
    void this.#load();
  }

  protected override firstUpdated(): void {
    // Whatever grows, the text or what stands below it: who is at the end stays at the end.
    const sizes = new ResizeObserver(() => this.#stayAtEnd());
    for (const box of this.querySelectorAll(".messages, .messages > .column")) sizes.observe(box);
    this.follow(() => sizes.disconnect());
  }

  protected override updated(): void {
    this.app.outbox.shown(this.#conversation.shownRuns);
    this.#stayAtEnd();
  }

  #stayAtEnd(): void {
    const messages = this.querySelector(".messages");
    if (messages !== null && this.#atEnd) messages.scrollTop = messages.scrollHeight;
  }

  #mine(event: { sessionKey: string }, apply: () => void): void {
    if (event.sessionKey !== this.sessionKey) return;
    if (this.#meanwhile !== undefined) this.#meanwhile.push(apply);
    else apply();
    this.requestUpdate();
  }

  /** The session as it is now. */
  #seen(row: SessionRow): void {
    this.#row = row;
    // Begun anew: under the same key there is another conversation.
    if (this.#conversation.begunAnew(row.sessionId ?? undefined) && this.#meanwhile === undefined)
      void this.#load();
    this.#markRead();
    this.requestUpdate();
  }

  async #load(): Promise<void> {
    const key = this.sessionKey;
    if (this.app.gateway.state.phase !== "ready") return;
    const meanwhile: (() => void)[] = [];
    this.#meanwhile = meanwhile;
    await this.attempt(async () => {
      await this.app.gateway.call("sessions.messages.subscribe", { key });
      const view = (await this.app.gateway.call("chat.history", {
        sessionKey: key,
        limit: PAGE,
      })) as HistoryView;
      if (key !== this.sessionKey) return;
      this.#conversation.load(view);
      this.app.outbox.settled(key);
      this.#row = view.sessionInfo;
      this.#loaded = true;
    });
    if (this.#meanwhile === meanwhile) this.#meanwhile = undefined;
    if (key !== this.sessionKey) return;
    for (const apply of meanwhile) apply();
    this.#markRead();
    this.requestUpdate();
  }

  async #earlier(): Promise<void> {
    const messages = this.querySelector(".messages");
    const below = (messages?.scrollHeight ?? 0) - (messages?.scrollTop ?? 0);
    const offset = this.#conversation.nextOffset;
    this.#atEnd = false;
    await this.attempt(async () => {
      const query = { sessionKey: this.sessionKey, limit: PAGE, offset };
      this.#conversation.prepend((await this.app.gateway.call("chat.history", query)) as HistoryView);
    });
    await this.updateComplete;
    if (messages !== null) messages.scrollTop = messages.scrollHeight - below;
  }

  #markRead(): void {
    if (this.#row?.unread !== true || document.visibilityState !== "visible") return;
    this.#row = { ...this.#row, unread: false };
    // Nothing depends on it: a mark that did not arrive is set the next time the conversation is opened.
    void this.attempt(() => this.app.gateway.call("sessions.patch", { key: this.sessionKey, unread: false }));
  }

  #permission(): TemplateResult | typeof nothing {
    const count = this.app.attention.approvals;
    if (count === 0) return nothing;
    const text =
      count === 1 ? "Something waits for your permission" : `${count} things wait for your permission`;
    return html`<p class="permission" role="status"><a href=${addressOf("approvals")}>${icon("approvals")}${text}</a></p>`;
  }

  #modelText(): string {
    if (this.#row === undefined) return "";
    const model = modelName(this.#row.model);
    const thinking = this.#row.thinkingLevel;
    return thinking && thinking !== "off" ? `${model} · thinks ${thinking}` : model;
  }

  #welcome(): TemplateResult {
    return html`<div class="welcome">
      <h2>Say something</h2>
      <p>Ask “who is connected?”, tell it to remember something, or type <kbd>/</kbd> to see the commands.</p>
    </div>`;
  }

  #scrolled(event: Event): void {
    const box = event.target as HTMLElement;
    this.#atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
  }

  #showList(shown: boolean): void {
    this.#listShown = shown;
    this.requestUpdate();
    // One of the two is hidden on a narrow screen: the focus goes where the person went.
    void this.updateComplete.then(() =>
      this.querySelector<HTMLElement>(shown ? ".list-close" : ".list-toggle")?.focus(),
    );
  }

  #escape(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.#listShown) this.#showList(false);
  }
}

customElements.define("homarus-chat", ChatView);

export function chatView(app: App, rest: string): TemplateResult {
  const key = rest || (app.gateway.hello?.snapshot.sessionDefaults?.mainSessionKey ?? "agent:main:main");
  return html`<homarus-chat .app=${app} .sessionKey=${key}></homarus-chat>`;
}
