/** How much waits for a person: shown at the views where it can be decided. */

import type { Gateway } from "../client/gateway";

const SETTLE_MS = 150;

export class Attention {
  approvals = 0;
  devices = 0;
  readonly #gateway: Gateway;
  readonly #watchers = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    const soon = () => this.#countSoon();
    gateway.onReady(soon);
    gateway.on("exec.approval.requested", soon);
    gateway.on("exec.approval.resolved", soon);
    gateway.on("device.pair.requested", soon);
    gateway.on("device.pair.resolved", soon);
    gateway.on("device.pair.changed", soon);
    gateway.on("node.pair.requested", soon);
    gateway.on("node.pair.resolved", soon);
  }

  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  #countSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#count(), SETTLE_MS);
  }

  async #count(): Promise<void> {
    try {
      this.approvals = (await this.#pendingApprovals()).length;
      this.devices = await this.#pendingDevices();
    } catch {
      // A lost connection; the next one counts again.
      return;
    }
    for (const watcher of this.#watchers) watcher();
  }

  async #pendingApprovals(): Promise<unknown[]> {
    if (!this.#gateway.may("operator.approvals")) return [];
    const lists = ["exec.approval.list", "plugin.approval.list", "openclaw.approval.list"] as const;
    const offered = lists.filter((method) => this.#gateway.offers(method));
    return (await Promise.all(offered.map((method) => this.#gateway.call(method, {})))).flat();
  }

  async #pendingDevices(): Promise<number> {
    if (!this.#gateway.may("operator.pairing")) return 0;
    const devices = (await this.#gateway.call("device.pair.list", {})).pending.length;
    if (!this.#gateway.offers("node.pair.list")) return devices;
    return devices + (await this.#gateway.call("node.pair.list", {})).pending.length;
  }
}
