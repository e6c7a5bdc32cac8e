/**
 * One conversation as it is shown: what is stored, what is being said now, and what is still on its way.
 *
 * Stored messages are known by id and ordered by seq, so that a message that comes twice (live, replayed after a
 * reconnect, read again) is shown once.
 */

import type { OutboxItem } from "../client/outbox";
import type { ChatEvent, HistoryView, PendingInput, SessionTool } from "../client/wire";
import { type MessageFile, readMessage, resultText, type StoredMessage } from "./messages";

export interface ToolCard {
  id: string;
  name: string;
  args: unknown;
  state: "running" | "done" | "failed";
  text: string;
}

export type Row =
  | { kind: "user"; id: string; text: string; files: MessageFile[]; at: number; note?: string }
  | { kind: "outgoing"; id: string; item: OutboxItem }
  | { kind: "answer"; id: string; message: StoredMessage }
  | { kind: "live"; id: string; text: string; phase: string; error?: string }
  | { kind: "tool"; id: string; card: ToolCard }
  | { kind: "note"; id: string; text: string };

interface LiveRun {
  text: string;
  phase: string;
  ended: boolean;
  error?: string;
  tools: Map<string, ToolCard>;
}

/** Words put into an agent's mouth come without a run; their event names the message instead. */
const INJECTED = "inject-";

const PHASES: Record<string, string> = {
  preparing_workspace: "Getting ready…",
  preparing_context: "Getting ready…",
  starting_model: "Thinking…",
};

export class Conversation {
  #sessionId: string | undefined;
  hasMore = false;
  nextOffset = 0;
  readonly #stored = new Map<string, StoredMessage>();
  readonly #live = new Map<string, LiveRun>();
  #pending: PendingInput[] = [];

  /** The newest end of the history replaces everything. */
  load(view: HistoryView): void {
    this.#sessionId = view.sessionId ?? undefined;
    this.#stored.clear();
    this.#live.clear();
    this.#keep(view.messages);
    this.#pending = view.pendingInputs.items;
    this.#page(view);
    const running = view.inFlightRun;
    if (running) this.#live.set(running.runId, { ...newRun(), text: running.text });
  }

  /** Whether this is another conversation than the one that is shown; the first id that is heard of names it. */
  begunAnew(sessionId: string | undefined): boolean {
    this.#sessionId ??= sessionId;
    return sessionId !== undefined && sessionId !== this.#sessionId;
  }

  /** An older page. */
  prepend(view: HistoryView): void {
    this.#keep(view.messages);
    this.#page(view);
  }

  /** A message was stored. */
  stored(value: unknown): void {
    const message = readMessage(value);
    if (message === undefined) return;
    this.#stored.set(message.id, message);
    this.#live.delete(INJECTED + message.id);
    if (message.runId === undefined) return;
    if (message.role === "user")
      this.#pending = this.#pending.filter((input) => input.runId !== message.runId);
    if (message.role === "assistant" && message.stopReason !== "toolUse") this.#live.delete(message.runId);
  }

  /** A step of an answer. */
  said(event: ChatEvent): void {
    const over = event.state === "final" || event.state === "aborted" || event.state === "error";
    if (over && this.#answered(event.runId)) {
      this.#live.delete(event.runId);
      return;
    }
    const run = this.#run(event.runId);
    if (event.state === "status") run.phase = PHASES[event.phase ?? ""] ?? "Thinking…";
    const text = event.message?.content.map((block) => block.text).join("");
    if (text !== undefined) run.text = text;
    if (!over) return;
    run.ended = true;
    if (event.state === "error") run.error = event.errorMessage ?? "The answer failed.";
    if (run.text === "" && run.error === undefined) this.#live.delete(event.runId);
  }

  /** A tool of a run starts, tells something, or is done. */
  used(event: SessionTool): void {
    const data = event.data as Record<string, unknown>;
    const id = String(data.toolCallId ?? "");
    if (id === "" || this.#storedAnswers().has(id)) return;
    const run = this.#run(event.runId);
    const card = run.tools.get(id) ?? {
      id,
      name: String(data.name ?? "tool"),
      args: data.args,
      state: "running",
      text: "",
    };
    if (data.phase === "update") card.text = resultText(data.partialResult);
    if (data.phase === "result") {
      card.text = resultText(data.result);
      card.state = data.isError === true ? "failed" : "done";
    }
    run.tools.set(id, card);
  }

  /** Runs that are being answered. */
  get running(): string[] {
    return [...this.#live].filter(([, run]) => !run.ended).map(([id]) => id);
  }

  /** Runs whose message the conversation shows, waiting ones included. */
  get shownRuns(): Set<string> {
    const shown = new Set(this.#pending.map((input) => input.runId));
    for (const message of this.#stored.values()) {
      if (message.role === "user" && message.runId !== undefined) shown.add(message.runId);
    }
    return shown;
  }

  /** Everything in the order it is read; `outgoing` are messages that are still on their way. */
  rows(outgoing: OutboxItem[]): Row[] {
    const answers = this.#storedAnswers();
    const rows = [...this.#stored.values()]
      .sort((a, b) => a.seq - b.seq)
      .flatMap((message) => storedRows(message, answers));
    const seen = new Set(rows.map((row) => row.id));
    for (const [id, run] of this.#live) rows.push(...liveRows(id, run).filter((row) => !seen.has(row.id)));
    const shown = this.shownRuns;
    for (const input of this.#pending) rows.push(pendingRow(input));
    for (const item of outgoing) {
      if (!shown.has(item.message.id)) rows.push({ kind: "outgoing", id: item.message.id, item });
    }
    return rows;
  }

  #keep(messages: unknown[]): void {
    for (const value of messages) {
      const message = readMessage(value);
      if (message !== undefined) this.#stored.set(message.id, message);
    }
  }

  #page(view: HistoryView): void {
    this.hasMore = view.hasMore;
    this.nextOffset = view.nextOffset ?? 0;
  }

  #run(id: string): LiveRun {
    const known = this.#live.get(id);
    if (known !== undefined) return known;
    const run = newRun();
    this.#live.set(id, run);
    return run;
  }

  #answered(runId: string): boolean {
    if (runId.startsWith(INJECTED) && this.#stored.has(runId.slice(INJECTED.length))) return true;
    return [...this.#stored.values()].some(
      (message) =>
        message.runId === runId && message.role === "assistant" && message.stopReason !== "toolUse",
    );
  }

  #storedAnswers(): Map<string, StoredMessage> {
    const found = new Map<string, StoredMessage>();
    for (const message of this.#stored.values()) if (message.answer) found.set(message.answer.id, message);
    return found;
  }
}

function newRun(): LiveRun {
  return { text: "", phase: "Thinking…", ended: false, tools: new Map() };
}

function storedRows(message: StoredMessage, answers: Map<string, StoredMessage>): Row[] {
  const { id, text, files, at } = message;
  if (message.role === "user") return [{ kind: "user", id, text, files, at }];
  if (message.role === "system") return text === "" ? [] : [{ kind: "note", id, text }];
  if (message.role !== "assistant") return [];
  const said: Row[] = text === "" && message.thinking === "" ? [] : [{ kind: "answer", id, message }];
  const cards = message.calls.map((call): Row => {
    const answer = answers.get(call.id)?.answer;
    const state = answer === undefined ? "running" : answer.failed ? "failed" : "done";
    return { kind: "tool", id: call.id, card: { ...call, state, text: answer?.text ?? "" } };
  });
  return [...said, ...cards];
}

function liveRows(runId: string, run: LiveRun): Row[] {
  const cards = [...run.tools.values()].map((card): Row => ({ kind: "tool", id: card.id, card }));
  const { text, phase, error, ended } = run;
  const answer: Row = {
    kind: "live",
    id: `live:${runId}`,
    text,
    phase: ended ? "" : phase,
    ...(error ? { error } : {}),
  };
  return [...cards, answer];
}

function pendingRow(input: PendingInput): Row {
  const message = readMessage(input.message);
  const raw = input.message as { content?: unknown } | undefined;
  const text = message?.text ?? (typeof raw?.content === "string" ? raw.content : "");
  const note = input.state === "queued" ? "Waits for its turn" : "Was not answered";
  return {
    kind: "user",
    id: `pending:${input.id}`,
    text,
    files: message?.files ?? [],
    at: input.acceptedAt,
    note,
  };
}
