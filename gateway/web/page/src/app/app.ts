/** What every view is given: the gateway, and the messages on their way to it. */

import { Credentials } from "../client/credentials";
import { Gateway } from "../client/gateway";
import { Identity } from "../client/identity";
import { Outbox } from "../client/outbox";
import { Vault } from "../client/vault";
import { Attention } from "./attention";

export interface App {
  gateway: Gateway;
  outbox: Outbox;
  attention: Attention;
  /** Show a short message for a few seconds, read aloud by screen readers. */
  say(text: string): void;
}

/** Everything that lives as long as the page. Connects to where the page came from, and nowhere else. */
export async function openApp(secret: string | undefined, say: (text: string) => void): Promise<App> {
  const vault = await Vault.open();
  const identity = await Identity.load(vault);
  const credentials = await Credentials.load(vault, secret);
  const gateway = new Gateway(identity, credentials, socketUrl(location));
  const outbox = await Outbox.load(vault, (params) => gateway.call("chat.send", params));
  gateway.onReady(() => outbox.opened());
  gateway.watch(() => {
    if (gateway.state.phase !== "ready") outbox.closed();
  });
  const attention = new Attention(gateway);
  gateway.start();
  return { gateway, outbox, attention, say };
}

/** The WebSocket of the page's own address. */
export function socketUrl(here: Location): string {
  const scheme = here.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${here.host}${new URL(".", here.href).pathname}`;
}
