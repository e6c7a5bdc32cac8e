/** What people call the devices whose ids stand in logs and decisions. */

import type { Gateway } from "../client/gateway";
import { shortId } from "../text/amounts";

export class Names {
  readonly #known = new Map<string, string>();

  /** Read the names; without the right to see devices, ids stay ids. */
  async load(gateway: Gateway): Promise<void> {
    if (!gateway.may("operator.pairing")) return;
    for (const device of (await gateway.call("device.pair.list", {})).paired) {
      const name = device.operatorLabel || device.displayName;
      if (name) this.#known.set(device.deviceId, name);
    }
    this.#known.set(gateway.identity.id, "this browser");
  }

  /** The name of a device, else the text itself, shortened when it is a long id. */
  of(id: string): string {
    return this.#known.get(id) ?? shortId(id);
  }
}
