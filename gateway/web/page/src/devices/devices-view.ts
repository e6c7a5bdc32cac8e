/** Devices: who waits to be let in, who is in, and what each can do. */

import { html, nothing, type TemplateResult } from "lit";
import type { App } from "../app/app";
import { ask } from "../app/confirm";
import { icon } from "../app/icons";
import { frame, problem, section } from "../app/parts";
import { View } from "../app/view";
import type { NodePairRequest, NodeRow, PairedDevice, PairRequest } from "../client/wire";
import { deviceCard, deviceRequestCard, nodeRequestCard } from "./cards";
import "./pair-dialog";
import type { PairDialog } from "./pair-dialog";
import { type Entry, entries } from "./words";

export class DevicesView extends View {
  #requests: PairRequest[] = [];
  #surfaces: NodePairRequest[] = [];
  #devices: PairedDevice[] = [];
  #nodes: NodeRow[] = [];
  #loaded = false;

  override render(): TemplateResult {
    const { gateway } = this.app;
    const waiting = [
      ...this.#requests.map((each) => deviceRequestCard(each, (yes) => this.#decideDevice(each, yes))),
      ...this.#surfaces.map((each) => nodeRequestCard(each, (yes) => this.#decideNode(each, yes))),
    ];
    const known = entries(this.#devices, this.#nodes).map((entry) =>
      deviceCard(entry, entry.id === gateway.identity.id, {
        rename: () => this.#rename(entry),
        revoke: () => this.#revoke(entry),
        remove: () => this.#remove(entry),
      }),
    );
    const pair = gateway.offers("device.pair.setupCode") && gateway.may("operator.admin");
    return frame(
      "Devices",
      "Everything that may connect to this gateway, and what agents can do with it.",
      html`${problem(this.trouble)}
        <div aria-live="polite">${section("Waiting to be let in", waiting)}</div>
        ${section("Known devices", known, this.#loaded ? "No device is paired yet. Pair a phone to begin." : "")}
        ${pair ? html`<homarus-pair-dialog .app=${this.app} @closed=${() => void this.#load()}></homarus-pair-dialog>` : nothing}`,
      pair
        ? html`<button class="primary" @click=${this.#pair}>${icon("plus")}Pair a device</button>`
        : nothing,
    );
  }

  protected override attached(): void {
    const { gateway } = this.app;
    const load = () => void this.#load();
    this.follow(gateway.on("device.pair.requested", load));
    this.follow(gateway.on("device.pair.resolved", load));
    this.follow(gateway.on("device.pair.changed", load));
    this.follow(gateway.on("node.pair.requested", load));
    this.follow(gateway.on("node.pair.resolved", load));
    this.follow(gateway.on("presence", load));
  }

  protected override connected(): void {
    void this.#load();
  }

  async #load(): Promise<void> {
    const { gateway } = this.app;
    if (gateway.state.phase !== "ready") return;
    await this.attempt(async () => {
      const devices = await gateway.call("device.pair.list", {});
      this.#requests = devices.pending;
      this.#devices = devices.paired;
      this.#surfaces = gateway.offers("node.pair.list")
        ? (await gateway.call("node.pair.list", {})).pending
        : [];
      this.#nodes = gateway.offers("node.list") ? (await gateway.call("node.list", {})).nodes : [];
      this.#loaded = true;
    });
  }

  async #change(work: () => Promise<unknown>, said: string): Promise<void> {
    if (await this.attempt(work)) this.app.say(said);
    const trouble = this.trouble;
    await this.#load();
    this.trouble = trouble;
    this.requestUpdate();
  }

  async #decideDevice({ requestId }: PairRequest, yes: boolean): Promise<void> {
    const method = yes ? "device.pair.approve" : "device.pair.reject";
    await this.#change(() => this.app.gateway.call(method, { requestId }), yes ? "Let in" : "Turned away");
  }

  async #decideNode({ requestId }: NodePairRequest, yes: boolean): Promise<void> {
    const method = yes ? "node.pair.approve" : "node.pair.reject";
    await this.#change(() => this.app.gateway.call(method, { requestId }), yes ? "Approved" : "Turned down");
  }

  async #rename(entry: Entry): Promise<void> {
    const field = { label: "Name", value: entry.name, maxLength: 64 };
    const text = "The name you know this device by. The device itself does not learn it.";
    const name = await ask({ title: "Rename the device", text, action: "Rename", field });
    if (!name) return;
    const { gateway } = this.app;
    await this.#change(async () => {
      if (entry.device) await gateway.call("device.pair.rename", { deviceId: entry.id, label: name });
      if (entry.node) await gateway.call("node.rename", { nodeId: entry.id, displayName: name });
    }, "Renamed");
  }

  async #revoke(entry: Entry): Promise<void> {
    const text = `${entry.name} is disconnected at once and cannot connect any more. It stays in the list.`;
    if ((await ask({ title: "Revoke its access?", text, action: "Revoke", danger: true })) === undefined)
      return;
    const tokens = entry.device?.tokens.filter((token) => !token.revokedAtMs) ?? [];
    await this.#change(async () => {
      for (const { role } of tokens)
        await this.app.gateway.call("device.token.revoke", { deviceId: entry.id, role });
    }, "Revoked");
  }

  async #remove(entry: Entry): Promise<void> {
    const here = entry.id === this.app.gateway.identity.id;
    const text = here
      ? "This is the browser you are using. It is disconnected at once, and needs the gateway's token to come back."
      : `${entry.name} is disconnected at once and forgotten. To use it again, pair it again.`;
    if ((await ask({ title: "Remove the device?", text, action: "Remove", danger: true })) === undefined)
      return;
    const { gateway } = this.app;
    await this.#change(
      () =>
        entry.device
          ? gateway.call("device.pair.remove", { deviceId: entry.id })
          : gateway.call("node.pair.remove", { nodeId: entry.id }),
      "Removed",
    );
  }

  #pair(): void {
    this.querySelector<PairDialog>("homarus-pair-dialog")?.open();
  }
}

customElements.define("homarus-devices", DevicesView);

export function devicesView(app: App): TemplateResult {
  return html`<homarus-devices .app=${app}></homarus-devices>`;
}
