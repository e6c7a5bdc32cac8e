/** What a conversation shows, in whatever order and however often things arrive. */

import { describe, expect, it } from "vitest";
import { Conversation, type Row } from "../src/chat/conversation";
import type { ChatEvent, HistoryView, SessionTool } from "../src/client/wire";

function stored(seq: number, role: string, content: unknown, runId: string, more: object = {}): unknown {
  return { role, content, timestamp: seq, __openclaw: { id: `m${seq}`, seq, runId }, ...more };
}

function history(messages: unknown[], more: object = {}): HistoryView {
  const view = { messages, pendingInputs: { items: [], total: 0 }, hasMore: false, sessionId: "s", ...more };
  return view as unknown as HistoryView;
}

function chat(state: ChatEvent["state"], text: string, runId = "r"): ChatEvent {
  const message = { role: "assistant", content: [{ type: "text", text }], timestamp: 1 };
  return { state, runId, message, sessionKey: "k", agentId: "main", seq: 1 } as ChatEvent;
}

function tool(phase: string, more: object = {}): SessionTool {
  const data = { phase, toolCallId: "t", name: "lamp", ...more };
  return {
    runId: "r",
    stream: "tool",
    data,
    sessionKey: "k",
    seq: 1,
    ts: 1,
    isHeartbeat: false,
  } as SessionTool;
}

function kinds(conversation: Conversation): string[] {
  return conversation.rows([]).map((row: Row) => row.kind);
}

const ASKED = stored(1, "user", "on, please", "r");
const CALLED = stored(
  2,
  "assistant",
  [{ type: "toolCall", id: "t", name: "lamp", arguments: { on: true } }],
  "r",
  {
    stopReason: "toolUse",
  },
);
const GAVE = stored(3, "toolResult", [{ type: "text", text: "ok" }], "r", {
  toolCallId: "t",
  toolName: "lamp",
});
const SAID = stored(4, "assistant", [{ type: "text", text: "It is on." }], "r", { stopReason: "stop" });

describe("an answer", () => {
  it("grows while it is said and is there once at the end", () => {
    const conversation = new Conversation();
    conversation.stored(ASKED);
    conversation.said({ ...chat("status", ""), message: null, phase: "starting_model" });
    conversation.said(chat("delta", "It"));
    conversation.said(chat("delta", "It is"));
    expect(conversation.rows([])[1]).toMatchObject({ kind: "live", text: "It is", phase: "Thinking…" });
    expect(conversation.running).toEqual(["r"]);
    conversation.stored(SAID);
    conversation.said(chat("final", "It is on."));
    expect(kinds(conversation)).toEqual(["user", "answer"]);
    expect(conversation.running).toEqual([]);
  });

  it("is not lost when its end comes before its message", () => {
    const conversation = new Conversation();
    conversation.said(chat("final", "It is on."));
    expect(conversation.rows([])[0]).toMatchObject({ kind: "live", text: "It is on.", phase: "" });
    conversation.stored(SAID);
    expect(kinds(conversation)).toEqual(["answer"]);
  });

  it("that somebody put into the agent's mouth is there once, whichever comes first", () => {
    const words = stored(7, "assistant", "by hand", "none", { stopReason: "stop" });
    for (const storedFirst of [true, false]) {
      const conversation = new Conversation();
      if (storedFirst) conversation.stored(words);
      conversation.said(chat("final", "by hand", "inject-m7"));
      if (!storedFirst) conversation.stored(words);
      expect(kinds(conversation)).toEqual(["answer"]);
    }
  });

  it("that failed says why", () => {
    const conversation = new Conversation();
    conversation.said({ ...chat("error", ""), message: null, errorMessage: "no model" });
    expect(conversation.rows([])[0]).toMatchObject({ kind: "live", error: "no model" });
  });

  it("without words leaves nothing", () => {
    const conversation = new Conversation();
    conversation.said({ ...chat("final", ""), message: null });
    expect(conversation.rows([])).toEqual([]);
  });
});

describe("a tool", () => {
  it("has one card from its start to the stored result", () => {
    const conversation = new Conversation();
    conversation.used(tool("start", { args: { on: true } }));
    expect(conversation.rows([])[0]).toMatchObject({
      kind: "tool",
      card: { state: "running", args: { on: true } },
    });
    conversation.used(
      tool("result", { result: { content: [{ type: "text", text: "ok" }] }, isError: false }),
    );
    expect(conversation.rows([])[0]).toMatchObject({ card: { state: "done", text: "ok" } });
    for (const message of [CALLED, GAVE]) conversation.stored(message);
    expect(kinds(conversation).filter((kind) => kind === "tool")).toHaveLength(1);
    conversation.stored(SAID);
    expect(kinds(conversation)).toEqual(["tool", "answer"]);
  });

  it("that failed is shown as failed", () => {
    const conversation = new Conversation();
    conversation.used(tool("result", { result: "no lamp", isError: true }));
    expect(conversation.rows([])[0]).toMatchObject({ card: { state: "failed", text: "no lamp" } });
  });
});

describe("a message", () => {
  it("that comes twice and late is shown once and in its place", () => {
    const conversation = new Conversation();
    for (const message of [SAID, ASKED, SAID, ASKED]) conversation.stored(message);
    expect(kinds(conversation)).toEqual(["user", "answer"]);
  });

  it("on its way is shown until it is stored or waits at the gateway", () => {
    const conversation = new Conversation();
    const outgoing = { id: "r", sessionKey: "k", text: "on, please", attachments: [], createdAt: 1 };
    const items = [{ message: outgoing, state: "sending" as const }];
    expect(conversation.rows(items).map((row) => row.kind)).toEqual(["outgoing"]);
    conversation.stored(ASKED);
    expect(conversation.rows(items).map((row) => row.kind)).toEqual(["user"]);
    expect([...conversation.shownRuns]).toEqual(["r"]);
  });

  it("that waits for its turn says so until it is stored", () => {
    const conversation = new Conversation();
    const input = { id: "p", runId: "r", message: { content: "on, please" }, acceptedAt: 1, state: "queued" };
    conversation.load(history([], { pendingInputs: { items: [input], total: 1 } }));
    expect(conversation.rows([])[0]).toMatchObject({
      kind: "user",
      note: "Waits for its turn",
      text: "on, please",
    });
    conversation.stored(ASKED);
    expect(conversation.rows([])).toHaveLength(1);
  });
});

describe("a history", () => {
  it("is another one once its session has another id", () => {
    const conversation = new Conversation();
    conversation.load(history([], { sessionId: null }));
    expect(conversation.begunAnew(undefined)).toBe(false);
    expect(conversation.begunAnew("s1")).toBe(false);
    expect(conversation.begunAnew("s1")).toBe(false);
    expect(conversation.begunAnew("s2")).toBe(true);
    conversation.load(history([ASKED], { sessionId: "s2" }));
    expect(conversation.begunAnew("s2")).toBe(false);
  });

  it("replaces what was there, older pages join it, and a running answer goes on", () => {
    const conversation = new Conversation();
    conversation.said(chat("delta", "old", "gone"));
    conversation.load(
      history([SAID], { hasMore: true, nextOffset: 1, inFlightRun: { runId: "r2", text: "so far" } }),
    );
    conversation.prepend(history([ASKED]));
    expect(kinds(conversation)).toEqual(["user", "answer", "live"]);
    expect(conversation.hasMore).toBe(false);
  });

  it("with things of unknown shape shows the rest", () => {
    const conversation = new Conversation();
    conversation.load(history([null, 7, { role: "assistant" }, ASKED, stored(9, "custom", "?", "r")]));
    expect(kinds(conversation)).toEqual(["user"]);
  });
});
