/** Pair a phone: a code to scan, good for one device. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import type { App } from "../app/app";
import { problem } from "../app/parts";
import { explain } from "../client/frames";
import type { DeviceSetupCode } from "../client/wire";
import { span } from "../text/amounts";

const SECOND_MS = 1_000;

type Access = "full" | "limited" | "node";

const ACCESS: [Access, string][] = [
  ["full", "Everything: conversations, settings, other devices"],
  ["limited", "Conversations and approvals, no settings"],
  ["node", "Only be used by agents as a device"],
];

export class PairDialog extends LitElement {
  static override properties = { app: { attribute: false } };

  app!: App;
  #access: Access = "full";
  #code: DeviceSetupCode | undefined;
  #paired = "";
  #trouble = "";
  #ticking: ReturnType<typeof setInterval> | undefined;
  #ending: (() => void) | undefined;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ending = this.app.gateway.on("device.pair.setup.completed", (event) => {
      if (event.setupId !== this.#code?.setupId) return;
      this.#paired = event.deviceName ?? event.deviceId.slice(0, 12);
      this.requestUpdate();
    });
    this.#ticking = setInterval(() => this.requestUpdate(), SECOND_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#ending?.();
    clearInterval(this.#ticking);
  }

  override render(): TemplateResult {
    return html`<dialog class="dialog pair" aria-labelledby="pair-title" @close=${this.#closed}>
      <h2 id="pair-title">Pair a phone or another device</h2>
      ${problem(this.#trouble)}
      ${this.#paired === "" ? (this.#code === undefined ? this.#choice() : this.#shown(this.#code)) : this.#done()}
      <div class="actions"><button @click=${() => this.querySelector("dialog")?.close()}>Close</button>
        ${this.#code === undefined ? html`<button class="primary" @click=${this.#make}>Show the code</button>` : nothing}
      </div>
    </dialog>`;
  }

  open(): void {
    this.#code = undefined;
    this.#paired = "";
    this.#trouble = "";
    this.requestUpdate();
    this.querySelector("dialog")?.showModal();
  }

  #choice(): TemplateResult {
    return html`<p>The code lets one device in, within ten minutes.</p>
      <fieldset><legend>What the device may do</legend>
        ${ACCESS.map(
          ([value, text]) => html`<label class="check"><input type="radio" name="access" value=${value}
            .checked=${value === this.#access} @change=${() => this.#choose(value)}>${text}</label>`,
        )}
      </fieldset>`;
  }

  #shown(code: DeviceSetupCode): TemplateResult {
    const left = code.expiresAtMs - Date.now();
    if (left <= 0) return html`<p>Nobody used the code in time. Close this and make another.</p>`;
    return html`<p>Scan this with the app on the device, or type the code there.</p>
      ${code.qrDataUrl?.startsWith("data:image/png;base64,") ? html`<img class="qr" src=${code.qrDataUrl} alt="QR code of the setup code">` : nothing}
      <p class="command"><code>${code.setupCode}</code>
        <button class="quiet" @click=${() => navigator.clipboard.writeText(code.setupCode)}>Copy</button></p>
      <p class="small" role="status">For ${code.gatewayUrl}. Good for ${span(left)} more.
        ${code.accessDowngraded ? "The address is not encrypted, so the code gives limited access only." : ""}</p>`;
  }

  #done(): TemplateResult {
    return html`<p role="status"><b>${this.#paired}</b> is paired.</p>`;
  }

  #choose(access: Access): void {
    this.#access = access;
  }

  async #make(): Promise<void> {
    const profile = this.#access === "full" ? {} : { bootstrapProfile: this.#access };
    try {
      this.#code = await this.app.gateway.call("device.pair.setupCode", { includeQr: true, ...profile });
      this.#trouble = "";
    } catch (error) {
      this.#trouble = explain(error);
    }
    this.requestUpdate();
  }

  #closed(): void {
    this.dispatchEvent(new CustomEvent("closed"));
  }
}

customElements.define("homarus-pair-dialog", PairDialog);
