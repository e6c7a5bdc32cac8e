/** Inbox: every message that came in, from wherever. */

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { App } from "../app/app";
import { chips, frame, problem } from "../app/parts";
import { addressOf } from "../app/routes";
import { View } from "../app/view";
import type { InboxItem } from "../client/wire";
import { ago, moment } from "../text/amounts";

const PAGE = 50;

export class InboxView extends View {
  #items: InboxItem[] = [];
  #more: string | undefined;
  #loaded = false;

  override render(): TemplateResult {
    const empty = this.#loaded && this.#items.length === 0;
    return frame(
      "Inbox",
      "Every message the gateway received, from all channels, newest first.",
      html`${problem(this.trouble)}
        ${empty ? html`<p class="empty">Nothing came in yet. Write something under Chat.</p>` : nothing}
        <ul class="cards single">${repeat(this.#items, (item) => item.id, itemCard)}</ul>
        ${this.#more === undefined ? nothing : html`<button class="quiet" @click=${this.#older}>Show older ones</button>`}`,
    );
  }

  protected override attached(): void {
    this.follow(
      this.app.gateway.on("sessions.changed", (event) => {
        if (event.phase === "start") void this.#load();
      }),
    );
  }

  protected override connected(): void {
    // Changes of sessions are sent to those who asked for them.
    void this.attempt(() => this.app.gateway.call("sessions.subscribe", {}));
    void this.#load();
  }

  async #load(): Promise<void> {
    await this.attempt(async () => {
      const page = await this.app.gateway.call("inbox.list", { limit: PAGE });
      this.#items = page.items;
      this.#more = page.nextCursor ?? undefined;
      this.#loaded = true;
    });
  }

  async #older(): Promise<void> {
    await this.attempt(async () => {
      const page = await this.app.gateway.call("inbox.list", { limit: PAGE, cursor: this.#more ?? null });
      this.#items = [...this.#items, ...page.items];
      this.#more = page.nextCursor ?? undefined;
    });
  }
}

function itemCard(item: InboxItem): TemplateResult {
  const files = item.attachments ?? [];
  return html`<li class="card compact">
    <h2>
      <b>${item.senderName ?? item.sender ?? "Somebody"}</b><span class="tag">${item.channel}</span>
      <time class="seen" title=${moment(item.receivedAtMs)}>${ago(item.receivedAtMs)}</time>
    </h2>
    <p class="excerpt">${item.text}</p>
    ${chips(files.map((file) => file.fileName ?? file.mimeType))}
    <p class="small">Answered by ${item.agentId} in <a href=${addressOf("chat", item.sessionKey)}>this conversation</a>, because ${item.routeReason}</p>
  </li>`;
}

customElements.define("homarus-inbox", InboxView);

export function inboxView(app: App): TemplateResult {
  return html`<homarus-inbox .app=${app}></homarus-inbox>`;
}
