/**
 * Messages on their way to the gateway.
 *
 * A message is on this browser's disk before it is sent and until the gateway has it. Its id is the idempotency
 * key, so that sending it again after a lost answer, a reload or from a second tab starts nothing twice.
 */

import { Disconnected, explain, type Params, type Result, RpcError } from "./frames";
import type { Vault } from "./vault";
import type { AttachmentUpload } from "./wire";

export type QueueMode = NonNullable<Params<"chat.send">["queueMode"]>;

/** `accepted`: the gateway has it; it stays in the list until the conversation shows it. */
export type SendState = "waiting" | "sending" | "accepted" | "failed";

export interface OutgoingMessage {
  id: string;
  sessionKey: string;
  text: string;
  attachments: AttachmentUpload[];
  queueMode?: QueueMode;
  createdAt: number;
}

export interface OutboxItem {
  message: OutgoingMessage;
  state: SendState;
  error?: string;
}

export type Send = (params: Params<"chat.send">) => Promise<Result<"chat.send">>;

const RETRY_MS = 2_000;

export class Outbox {
  readonly #vault: Vault;
  readonly #send: Send;
  readonly #items = new Map<string, OutboxItem>();
  readonly #watchers = new Set<() => void>();
  #open = false;
  #flushing = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  private constructor(vault: Vault, send: Send) {
    this.#vault = vault;
    this.#send = send;
  }

  /** The outbox with what an earlier visit left in it. */
  static async load(vault: Vault, send: Send): Promise<Outbox> {
    const outbox = new Outbox(vault, send);
    const left = await vault.all<OutgoingMessage>("outbox");
    for (const message of left.sort((a, b) => a.createdAt - b.createdAt)) {
      outbox.#items.set(message.id, { message, state: "waiting" });
    }
    return outbox;
  }

  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** Messages of a session that its conversation does not show yet, oldest first. */
  of(sessionKey: string): OutboxItem[] {
    return [...this.#items.values()].filter((item) => item.message.sessionKey === sessionKey);
  }

  /** How many the gateway does not have yet. */
  get unsent(): number {
    return [...this.#items.values()].filter((item) => item.state !== "accepted").length;
  }

  /** Take a message; resolves when it is safe in this browser. */
  async add(message: OutgoingMessage): Promise<void> {
    this.#items.set(message.id, { message, state: "waiting" });
    this.#changed();
    await this.#vault.put("outbox", message.id, message);
    void this.flush();
  }

  /** There is a connection: send what waits. */
  opened(): void {
    this.#open = true;
    void this.flush();
  }

  /** There is none any more. */
  closed(): void {
    this.#open = false;
  }

  /** Try a failed message again. */
  retry(id: string): void {
    const item = this.#items.get(id);
    if (item?.state !== "failed") return;
    this.#items.set(id, { message: item.message, state: "waiting" });
    this.#changed();
    void this.flush();
  }

  /** Give a message up. */
  async discard(id: string): Promise<void> {
    this.#items.delete(id);
    this.#changed();
    await this.#vault.remove("outbox", id);
  }

  /** A session was read anew: what the gateway has of it is shown, or was a command that left nothing to show. */
  settled(sessionKey: string): void {
    const accepted = this.of(sessionKey).filter((item) => item.state === "accepted");
    this.shown(accepted.map((item) => item.message.id));
  }

  /** The conversation shows these runs' messages now. */
  shown(runIds: Iterable<string>): void {
    let changed = false;
    for (const id of runIds) {
      if (!this.#items.delete(id)) continue;
      changed = true;
      // Shown means stored at the gateway, also when its acknowledgement was lost.
      void this.#vault.remove("outbox", id);
    }
    if (changed) this.#changed();
  }

  /** Send what waits, in order; one at a time, so that the order holds. */
  async flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#deliver(next);
    } finally {
      this.#flushing = false;
    }
  }

  #next(): OutgoingMessage | undefined {
    if (!this.#open) return undefined;
    return [...this.#items.values()].find((item) => item.state === "waiting")?.message;
  }

  async #deliver(message: OutgoingMessage): Promise<void> {
    this.#mark(message, "sending");
    try {
      await this.#send({
        sessionKey: message.sessionKey,
        message: message.text,
        idempotencyKey: message.id,
        attachments: message.attachments,
        ...(message.queueMode === undefined ? {} : { queueMode: message.queueMode }),
      });
    } catch (error) {
      this.#undelivered(message, error);
      return;
    }
    this.#mark(message, "accepted");
    await this.#vault.remove("outbox", message.id);
  }

  #undelivered(message: OutgoingMessage, error: unknown): void {
    if (error instanceof RpcError && !error.retryable) {
      this.#mark(message, "failed", explain(error));
      return;
    }
    this.#mark(message, "waiting");
    // Without a connection the next one flushes; a busy gateway is asked again a little later.
    this.#open = false;
    if (error instanceof Disconnected) return;
    clearTimeout(this.#retry);
    const delayMs = (error instanceof RpcError && error.retryAfterMs) || RETRY_MS;
    this.#retry = setTimeout(() => this.opened(), delayMs);
  }

  #mark(message: OutgoingMessage, state: SendState, error?: string): void {
    if (!this.#items.has(message.id)) return;
    this.#items.set(message.id, { message, state, ...(error === undefined ? {} : { error }) });
    this.#changed();
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
