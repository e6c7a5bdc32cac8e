/** The page: entry, navigation, the view of the address, and short messages. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { Credentials } from "../client/credentials";
import { explain } from "../client/frames";
import { identityObstacle } from "../client/identity";
import { type App, openApp } from "./app";
import { Entrance } from "./entrance";
import { icon } from "./icons";
import { navigation } from "./navigation";
import { type Place, placeOf, VIEWS, type ViewName } from "./routes";

const NOTICE_MS = 5_000;

/** Each view is loaded when it is first shown. */
const LOADERS: Record<ViewName, () => Promise<(app: App, rest: string) => TemplateResult>> = {
  chat: async () => (await import("../chat/chat-view")).chatView,
  inbox: async () => (await import("../inbox/inbox-view")).inboxView,
  approvals: async () => (await import("../approvals/approvals-view")).approvalsView,
  devices: async () => (await import("../devices/devices-view")).devicesView,
  activity: async () => (await import("../activity/activity-view")).activityView,
  health: async () => (await import("../health/health-view")).healthView,
  settings: async () => (await import("../settings/settings-view")).settingsView,
};

export class Page extends LitElement {
  #app: App | undefined;
  #obstacle: string | undefined;
  #place: Place = placeOf("");
  #shown: ((app: App, rest: string) => TemplateResult) | undefined;
  #shownView: ViewName | undefined;
  /** A part of this page is no longer there: the gateway has a newer one. */
  #outdated = false;
  #notice = "";
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  /** Once let in, the page stays: a lost connection shows as a line, not as an entrance. */
  #entered = false;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const secret = Credentials.fromAddress(location, history);
    addEventListener("hashchange", () => this.#travel());
    this.#obstacle = identityObstacle();
    if (this.#obstacle === undefined) void this.#open(secret);
  }

  override render(): TemplateResult {
    if (this.#obstacle !== undefined) return Entrance.obstacle(this.#obstacle);
    const app = this.#app;
    if (app === undefined) return html``;
    const phase = app.gateway.state.phase;
    if (phase === "login" || phase === "pairing" || phase === "refused" || !this.#entered)
      return Entrance.of(app);
    return html`
      <a class="skip" href="#main" @click=${this.#skip}>Skip to the content</a>
      ${navigation(app, this.#place.view)}
      <main id="main" tabindex="-1">${this.#linkState(app)}${this.#body(app)}</main>
      <div class="notices" role="status" aria-live="polite">
        ${this.#notice === "" ? nothing : html`<p>${icon("check")}${this.#notice}</p>`}
      </div>`;
  }

  async #open(secret: string | undefined): Promise<void> {
    try {
      const app = await openApp(secret, (text) => this.#say(text));
      this.#app = app;
      app.gateway.watch(() => this.#follow(app));
      app.outbox.watch(() => this.requestUpdate());
      app.attention.watch(() => this.requestUpdate());
      this.#travel();
      this.#follow(app);
    } catch (error) {
      this.#obstacle = `This browser could not keep a device key: ${explain(error)}. Allow this page to store data, then reload it.`;
      this.requestUpdate();
    }
  }

  #follow(app: App): void {
    if (app.gateway.state.phase === "ready") this.#entered = true;
    this.requestUpdate();
  }

  #travel(): void {
    this.#outdated = false;
    this.#place = placeOf(location.hash);
    void this.#load(this.#place.view);
    this.requestUpdate();
  }

  async #load(view: ViewName): Promise<void> {
    let shown: (app: App, rest: string) => TemplateResult;
    try {
      shown = await LOADERS[view]();
    } catch {
      this.#outdated = true;
      this.requestUpdate();
      return;
    }
    if (this.#place.view !== view) return;
    this.#shown = shown;
    this.#shownView = view;
    this.requestUpdate();
  }

  protected override updated(): void {
    const waiting = (this.#app?.attention.approvals ?? 0) + (this.#app?.attention.devices ?? 0);
    const title = VIEWS.find((entry) => entry.name === this.#shownView)?.title;
    const words = [waiting === 0 ? "" : `(${waiting})`, title === undefined ? "" : `${title} ·`, "Homarus"];
    document.title = words.filter(Boolean).join(" ");
  }

  #body(app: App): TemplateResult | typeof nothing {
    const entry = VIEWS.find((view) => view.name === this.#place.view);
    if (entry?.needs.every((method) => app.gateway.offers(method)) !== true) {
      return html`<p class="view empty">This gateway does not offer that. Choose another view.</p>`;
    }
    if (this.#outdated) {
      return html`<p class="view">This page could not load its next part: the gateway was updated, or is away.
        <button class="primary" @click=${() => location.reload()}>Load the page again</button></p>`;
    }
    if (this.#shown === undefined || this.#shownView !== this.#place.view) return nothing;
    return this.#shown(app, this.#place.rest);
  }

  #linkState(app: App): TemplateResult | typeof nothing {
    if (app.gateway.state.phase === "ready") return nothing;
    const unsent = app.outbox.unsent;
    const kept =
      unsent === 0
        ? ""
        : ` ${unsent === 1 ? "One message is" : `${unsent} messages are`} kept and sent then.`;
    return html`<p class="offline" role="status">
      <span class="pulse" aria-hidden="true"></span>Not connected. It is tried again by itself.${kept}
      <button class="quiet" @click=${() => app.gateway.retryNow()}>Try now</button>
    </p>`;
  }

  #skip(event: Event): void {
    event.preventDefault();
    document.getElementById("main")?.focus();
  }

  #say(text: string): void {
    this.#notice = text;
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => {
      this.#notice = "";
      this.requestUpdate();
    }, NOTICE_MS);
    this.requestUpdate();
  }
}

customElements.define("homarus-page", Page);
