/**
 * This browser's device identity: an Ed25519 key that cannot leave it.
 *
 * The proof is the text of protocol/signature.py, version 3.
 */

import type { Vault } from "./vault";
import type { ConnectParams } from "./wire";

const KEY = "identity";

interface StoredIdentity {
  pair: CryptoKeyPair;
  publicKey: string;
  id: string;
}

/** Why this browser can have no identity here, with the next step; undefined when it can. */
export function identityObstacle(): string | undefined {
  if (!globalThis.isSecureContext || globalThis.crypto?.subtle === undefined) {
    return "A browser keeps a device key only on an encrypted page. Open this page over https, or on the gateway's own machine as http://127.0.0.1.";
  }
  return undefined;
}

export class Identity {
  readonly id: string;
  readonly publicKey: string;
  readonly #privateKey: CryptoKey;

  private constructor(stored: StoredIdentity) {
    this.id = stored.id;
    this.publicKey = stored.publicKey;
    this.#privateKey = stored.pair.privateKey;
  }

  /** The stored identity, else a new one that is stored. */
  static async load(vault: Vault): Promise<Identity> {
    const stored = await vault.get<StoredIdentity>("device", KEY);
    if (stored !== undefined) return new Identity(stored);
    const made = await generate();
    await vault.put("device", KEY, made);
    return new Identity(made);
  }

  /** The `device` member for `params`, over the gateway's challenge. */
  async prove(params: ConnectParams, nonce: string, ts: number): Promise<ConnectParams["device"]> {
    const text = proofText(params, this.id, nonce, ts);
    const signature = await crypto.subtle.sign("Ed25519", this.#privateKey, new TextEncoder().encode(text));
    return { id: this.id, publicKey: this.publicKey, signature: base64url(signature), signedAt: ts, nonce };
  }
}

/** The signed text: fields joined by `|`, in the order the gateway rebuilds them. */
export function proofText(params: ConnectParams, deviceId: string, nonce: string, ts: number): string {
  const auth = params.auth;
  return [
    "v3",
    deviceId,
    params.client.id,
    params.client.mode,
    params.role ?? "operator",
    (params.scopes ?? []).join(","),
    String(ts),
    auth?.token || auth?.deviceToken || auth?.bootstrapToken || "",
    nonce,
    normal(params.client.platform),
    normal(params.client.deviceFamily ?? ""),
  ].join("|");
}

export function base64url(data: ArrayBuffer): string {
  const text = String.fromCharCode(...new Uint8Array(data));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function generate(): Promise<StoredIdentity> {
  const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
  const id = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { pair, publicKey: base64url(raw), id };
}

/** ASCII letters only, as the gateway lowers them. */
function normal(text: string): string {
  return text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
