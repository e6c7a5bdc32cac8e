/** The connection to this page's own gateway: kept up, resumed, and told to whoever listens. */

import { Backoff } from "./backoff";
import { Connection } from "./connection";
import type { Credentials } from "./credentials";
import {
  Disconnected,
  type EventFrame,
  type EventName,
  explain,
  type MethodName,
  type Params,
  type Result,
  RpcError,
} from "./frames";
import type { Identity } from "./identity";
import { connectParams, type Resumption } from "./introduction";
import type { Events, HelloOk } from "./wire";

export type LinkState =
  | { phase: "connecting"; attempt: number }
  | { phase: "ready" }
  | { phase: "login"; message?: string }
  | { phase: "pairing"; requestId: string; reason: string }
  | { phase: "refused"; message: string };

/** Two missed ticks and a bit: the gateway is gone although the socket says nothing. */
const SILENCE_FACTOR = 2.2;
const WATCH_MS = 5_000;
const PAIRING_RETRY_MS = 3_000;

type EventListener = (payload: unknown) => void;

export class Gateway {
  state: LinkState = { phase: "connecting", attempt: 0 };
  hello: HelloOk | undefined;
  readonly identity: Identity;
  readonly #credentials: Credentials;
  readonly #url: string;
  readonly #backoff = new Backoff();
  readonly #watchers = new Set<() => void>();
  readonly #ready = new Set<(resumed: boolean) => void>();
  readonly #events = new Map<string, Set<EventListener>>();
  #connection: Connection | undefined;
  #resumption: Resumption | undefined;
  #lastSeq = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #opening = false;

  constructor(identity: Identity, credentials: Credentials, url: string) {
    this.identity = identity;
    this.#credentials = credentials;
    this.#url = url;
  }

  /** Connect now and stay connected. */
  start(): void {
    setInterval(() => this.#watch(), WATCH_MS);
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      // A phone that slept may hold a socket whose other end is long gone.
      this.#watch();
      this.retryNow();
    });
    void this.#open();
  }

  /** Whether the gateway offers a method to this connection. */
  offers(method: MethodName): boolean {
    return this.hello?.features.methods.includes(method) ?? false;
  }

  /** Whether this connection may do what a scope allows. */
  may(scope: string): boolean {
    const scopes: string[] = this.hello?.auth.scopes ?? [];
    return scopes.includes("operator.admin") || scopes.includes(scope);
  }

  /**
   * Ask the gateway.
   *
   * Throws RpcError when it refuses, Disconnected without a connection.
   */
  async call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>> {
    if (this.state.phase !== "ready" || this.#connection === undefined) throw new Disconnected();
    return (await this.#connection.request(method, params)) as Result<M>;
  }

  /** Be told of an event; the returned function ends that. */
  on<E extends EventName>(event: E, listener: (payload: Events[E]) => void): () => void {
    const listeners = this.#events.get(event) ?? new Set();
    listeners.add(listener as EventListener);
    this.#events.set(event, listeners);
    return () => listeners.delete(listener as EventListener);
  }

  /** Be told after each connect; `resumed` says that no event was missed. Told at once when connected. */
  onReady(listener: (resumed: boolean) => void): () => void {
    this.#ready.add(listener);
    if (this.state.phase === "ready") listener(false);
    return () => this.#ready.delete(listener);
  }

  /** Be told when `state` changes. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** Try a secret a person typed. */
  login(secret: string): void {
    this.#credentials.offer(secret);
    this.#schedule(0);
  }

  /** Do not wait for the next attempt. */
  retryNow(): void {
    if (this.state.phase === "connecting" || this.state.phase === "pairing") this.#schedule(0);
  }

  #set(state: LinkState): void {
    this.state = state;
    for (const watcher of [...this.#watchers]) watcher();
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#open(), delayMs);
  }

  async #open(): Promise<void> {
    if (this.#opening || this.state.phase === "ready") return;
    this.#opening = true;
    try {
      const connection = await Connection.open({
        url: this.#url,
        identity: this.identity,
        params: connectParams(this.#credentials.auth(), this.#resumption),
        onEvent: (frame) => this.#take(frame),
        onEnd: () => this.#lost(),
      });
      await this.#admitted(connection);
    } catch (error) {
      await this.#failed(error);
    } finally {
      this.#opening = false;
    }
  }

  async #admitted(connection: Connection): Promise<void> {
    const hello = connection.hello;
    if (hello === undefined) throw new Disconnected();
    this.#connection = connection;
    this.hello = hello;
    this.#lastSeq = 0;
    const resumed = hello.resume?.resumed ?? false;
    const here = hello.resume ?? undefined;
    // What was missed follows now; until then the old cursor is where we are.
    if (here !== undefined && !resumed) this.#resumption = { epoch: here.epoch, cursor: here.cursor };
    this.#backoff.reset();
    this.#set({ phase: "ready" });
    for (const listener of [...this.#ready]) listener(resumed);
    if (hello.auth.deviceToken) await this.#credentials.paired(hello.auth.deviceToken);
  }

  async #failed(error: unknown): Promise<void> {
    if (!(error instanceof RpcError)) {
      const attempt = this.state.phase === "connecting" ? this.state.attempt + 1 : 1;
      this.#set({ phase: "connecting", attempt });
      this.#schedule(this.#backoff.nextMs());
    } else if (error.reason === "PAIRING_REQUIRED") {
      const requestId = String(error.details.requestId ?? "");
      this.#set({ phase: "pairing", requestId, reason: String(error.details.reason ?? "not-paired") });
      this.#schedule(PAIRING_RETRY_MS);
    } else if (error.reason === "AUTH_RATE_LIMITED") {
      this.#set({ phase: "refused", message: explain(error) });
      this.#schedule(error.retryAfterMs ?? 60_000);
    } else if (error.reason.startsWith("AUTH_")) {
      await this.#turnedAway(error);
    } else if (error.retryable) {
      this.#schedule(error.retryAfterMs ?? this.#backoff.nextMs());
    } else {
      this.#set({ phase: "refused", message: explain(error) });
    }
  }

  async #turnedAway(error: RpcError): Promise<void> {
    if (error.reason.endsWith("_MISSING")) {
      this.#set({ phase: "login" });
      return;
    }
    const wasDevice = this.#credentials.usesDeviceToken;
    if (await this.#credentials.refused()) {
      this.#schedule(0);
      return;
    }
    const message = wasDevice
      ? "This browser is no longer paired with the gateway. Enter the gateway's token to pair it again."
      : explain(error);
    this.#set({ phase: "login", message });
  }

  #lost(): void {
    this.#connection = undefined;
    if (this.state.phase !== "ready") return;
    this.#set({ phase: "connecting", attempt: 0 });
    this.#schedule(this.#backoff.nextMs());
  }

  #take(frame: EventFrame): void {
    if (frame.seq !== undefined) {
      if (frame.seq !== this.#lastSeq + 1) {
        // Something was lost on the way: connect again and continue from the last event that came whole.
        this.#connection?.close();
        return;
      }
      this.#lastSeq = frame.seq;
    }
    if (frame.cursor !== undefined && this.#resumption !== undefined) {
      if (frame.cursor <= this.#resumption.cursor) return;
      this.#resumption.cursor = frame.cursor;
    }
    if (frame.event === "events.gap") for (const listener of [...this.#ready]) listener(false);
    for (const listener of [...(this.#events.get(frame.event) ?? [])]) listener(frame.payload);
  }

  #watch(): void {
    const tickMs = this.hello?.policy.tickIntervalMs ?? 30_000;
    if (this.#connection !== undefined && this.#connection.quietMs > tickMs * SILENCE_FACTOR)
      this.#connection.close();
  }
}
