/** Messages on their way: kept until the gateway has them, sent in order, never twice under two keys. */

import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Disconnected, RpcError } from "../src/client/frames";
import { Outbox, type OutgoingMessage, type Send } from "../src/client/outbox";
import { Vault } from "../src/client/vault";

const ACK = { runId: "x", status: "started" as const };

let vault: Vault;
let database = 0;

function message(id: string, createdAt = 1): OutgoingMessage {
  return { id, sessionKey: "agent:main:main", text: `text of ${id}`, attachments: [], createdAt };
}

beforeEach(async () => {
  database += 1;
  vault = await Vault.open(`test-${database}`);
});

afterEach(() => {
  vi.useRealTimers();
  vault.close();
});

describe("a message", () => {
  it("is on disk before it is sent, and until it is acknowledged", async () => {
    const kept: number[] = [];
    const outbox = await Outbox.load(vault, async () => {
      kept.push((await vault.all("outbox")).length);
      return ACK;
    });
    outbox.opened();
    await outbox.add(message("a"));
    await vi.waitFor(() => expect(outbox.of("agent:main:main")[0]?.state).toBe("accepted"));
    expect(kept).toEqual([1]);
    await vi.waitFor(async () => expect(await vault.all("outbox")).toEqual([]));
  });

  it("waits without a connection and goes out in the order it was written", async () => {
    const sent: string[] = [];
    const outbox = await Outbox.load(vault, async (params) => {
      sent.push(params.idempotencyKey);
      return ACK;
    });
    for (const id of ["a", "b", "c"]) await outbox.add(message(id));
    expect(sent).toEqual([]);
    expect(outbox.unsent).toBe(3);
    outbox.opened();
    await vi.waitFor(() => expect(sent).toEqual(["a", "b", "c"]));
  });

  it("survives the page and keeps its key", async () => {
    const before = await Outbox.load(vault, () => Promise.reject(new Disconnected()));
    await before.add(message("late", 2));
    await before.add(message("early", 1));
    const sent: string[] = [];
    const after = await Outbox.load(vault, async (params) => {
      sent.push(params.idempotencyKey);
      return ACK;
    });
    after.opened();
    await vi.waitFor(() => expect(sent).toEqual(["early", "late"]));
  });

  it("whose answer was lost is sent again under the same key", async () => {
    const sent: string[] = [];
    const outbox = await Outbox.load(vault, async (params) => {
      sent.push(params.idempotencyKey);
      if (sent.length === 1) throw new Disconnected();
      return ACK;
    });
    outbox.opened();
    await outbox.add(message("a"));
    await vi.waitFor(() => expect(outbox.of("agent:main:main")[0]?.state).toBe("waiting"));
    outbox.opened();
    await vi.waitFor(() => expect(sent).toEqual(["a", "a"]));
  });

  it("that the gateway refuses says why, and can be tried again or deleted", async () => {
    const refusals: Send = vi
      .fn<Send>()
      .mockRejectedValueOnce(new RpcError({ code: "INVALID_REQUEST", message: "message: too long" }))
      .mockResolvedValue(ACK);
    const outbox = await Outbox.load(vault, refusals);
    outbox.opened();
    await outbox.add(message("a"));
    await vi.waitFor(() => expect(outbox.of("agent:main:main")[0]?.state).toBe("failed"));
    expect(outbox.of("agent:main:main")[0]?.error).toBe("message: too long");
    expect(await vault.all("outbox")).toHaveLength(1);
    outbox.retry("a");
    await vi.waitFor(() => expect(outbox.of("agent:main:main")[0]?.state).toBe("accepted"));
    await outbox.discard("a");
    expect(outbox.of("agent:main:main")).toEqual([]);
  });

  it("that comes too early for a busy gateway is sent again when that says so", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const busy: Send = vi
      .fn<Send>()
      .mockRejectedValueOnce(
        new RpcError({ code: "UNAVAILABLE", message: "full", retryable: true, retryAfterMs: 700 }),
      )
      .mockResolvedValue(ACK);
    const outbox = await Outbox.load(vault, busy);
    outbox.opened();
    await outbox.add(message("a"));
    await vi.waitFor(() => expect(busy).toHaveBeenCalledTimes(1));
    await vi.advanceTimersByTimeAsync(700);
    await vi.waitFor(() => expect(busy).toHaveBeenCalledTimes(2));
  });

  it("that was accepted and left nothing to show is no longer listed once its session was read anew", async () => {
    const outbox = await Outbox.load(vault, async (params) => {
      if (params.idempotencyKey === "b") throw new Disconnected();
      return ACK;
    });
    outbox.opened();
    await outbox.add(message("a"));
    await outbox.add(message("b"));
    await vi.waitFor(() =>
      expect(outbox.of("agent:main:main").map((item) => item.state)).toEqual(["accepted", "waiting"]),
    );
    outbox.settled("agent:main:main");
    expect(outbox.of("agent:main:main").map((item) => item.message.id)).toEqual(["b"]);
  });

  it("that the conversation shows is no longer listed, also when its acknowledgement was lost", async () => {
    const outbox = await Outbox.load(vault, () => Promise.reject(new Disconnected()));
    await outbox.add(message("a"));
    outbox.shown(["a", "unknown"]);
    expect(outbox.of("agent:main:main")).toEqual([]);
    await vi.waitFor(async () => expect(await vault.all("outbox")).toEqual([]));
  });
});
