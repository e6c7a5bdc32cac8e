/** What this browser shows the gateway: its own device token, or the secret a person gave it once. */

import type { Vault } from "./vault";
import type { ConnectAuth } from "./wire";

const KEY = "token";

export class Credentials {
  #deviceToken: string | undefined;
  #secret: string | undefined;
  readonly #vault: Vault;

  private constructor(vault: Vault, deviceToken: string | undefined, secret: string | undefined) {
    this.#vault = vault;
    this.#deviceToken = deviceToken;
    this.#secret = secret;
  }

  static async load(vault: Vault, secret: string | undefined): Promise<Credentials> {
    return new Credentials(vault, await vault.get<string>("device", KEY), secret);
  }

  get usesDeviceToken(): boolean {
    return this.#deviceToken !== undefined;
  }

  auth(): ConnectAuth {
    if (this.#deviceToken !== undefined) return { deviceToken: this.#deviceToken };
    // With nothing to show, the gateway says whether it wants something.
    if (this.#secret === undefined) return {};
    // The gateway knows whether it asks for a token or a password; a person may not.
    return { token: this.#secret, password: this.#secret };
  }

  /** A secret a person typed or a link carried; it lives in memory only. */
  offer(secret: string): void {
    this.#secret = secret;
  }

  /** Let in: from now on the device's own token is all that is used. */
  async paired(deviceToken: string): Promise<void> {
    this.#secret = undefined;
    if (deviceToken === this.#deviceToken) return;
    this.#deviceToken = deviceToken;
    await this.#vault.put("device", KEY, deviceToken);
  }

  /** The gateway does not take what was shown; true when there is something else to try. */
  async refused(): Promise<boolean> {
    if (this.#deviceToken === undefined) {
      this.#secret = undefined;
      return false;
    }
    this.#deviceToken = undefined;
    await this.#vault.remove("device", KEY);
    return this.#secret !== undefined;
  }

  /** The secret of the address's fragment, which is taken out of the address at once. */
  static fromAddress(location: Location, history: History): string | undefined {
    const fields = new URLSearchParams(location.hash.slice(1));
    const secret = fields.get("token");
    if (secret === null) return undefined;
    history.replaceState(null, "", `${location.pathname}#/`);
    return secret === "" ? undefined : secret;
  }
}
