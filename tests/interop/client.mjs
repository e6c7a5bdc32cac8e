// A program built on @openclaw/gateway-client, as a third party would write one: connect, chat, abort.
// Usage: node client.mjs URL TOKEN.  Prints one JSON line: what it saw.
import { randomUUID } from "node:crypto";

import { GatewayClient } from "@openclaw/gateway-client";

const [url, token] = process.argv.slice(2);
const sessionKey = "agent:main:gateway-client";
const chat = [];
let gaps = 0;
let wake = () => {};

const hello = Promise.withResolvers();
const client = new GatewayClient({
  url,
  token,
  scopes: ["operator.read", "operator.write"],
  onHelloOk: hello.resolve,
  onConnectError: hello.reject,
  onGap: () => (gaps += 1),
  onEvent: ({ event, payload }) => {
    if (event === "chat") chat.push(payload);
    wake();
  },
});

/** Wait for the first chat event of a run that satisfies `wanted`. */
async function seen(runId, wanted) {
  for (;;) {
    const found = chat.find((event) => event.runId === runId && wanted(event));
    if (found) return found;
    await new Promise((resolve) => (wake = resolve));
  }
}

const text = (message) => message.content.map((part) => part.text ?? "").join("");
const send = (message) =>
  client.request("chat.send", { sessionKey, message, idempotencyKey: randomUUID() });

client.start();
const { protocol, server, auth } = await hello.promise;

const asked = await send("the otter sleeps at noon");
const answered = await seen(asked.runId, (event) => event.state === "final");
const deltas = chat.filter((event) => event.runId === asked.runId && event.state === "delta");

const slow = await send("SLOW please");
await seen(slow.runId, (event) => event.state === "delta");
const aborted = await client.request("chat.abort", { sessionKey, runId: slow.runId });
const stopped = await seen(slow.runId, (event) => event.state !== "delta" && event.state !== "status");

const history = await client.request("chat.history", { sessionKey });
const refused = await client.request("no.such.method", {}).catch((error) => error);
client.stop();

console.log(
  JSON.stringify({
    protocol,
    connId: server.connId,
    role: auth.role,
    ackStatus: asked.status,
    answer: text(answered.message),
    lastDelta: text(deltas.at(-1).message),
    deltaText: deltas.map((event) => event.deltaText).join(""),
    aborted,
    slowRunId: slow.runId,
    stoppedState: stopped.state,
    historyRoles: history.messages.map((message) => message.role),
    refused: { name: refused.name, message: refused.message },
    gaps,
  }),
);
