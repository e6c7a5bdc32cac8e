/** One life of the WebSocket: challenge, connect, requests, events, and how it ended. */

import {
  type Challenge,
  Disconnected,
  decodeFrame,
  type EventFrame,
  type ResponseFrame,
  RpcError,
} from "./frames";
import type { Identity } from "./identity";
import type { ConnectParams, HelloOk } from "./wire";

const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than any handshake on a slow phone network. */
const HANDSHAKE_TIMEOUT_MS = 20_000;

interface Waiting {
  resolve(payload: unknown): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

export interface ConnectionOptions {
  url: string;
  params: ConnectParams;
  identity: Identity;
  onEvent(frame: EventFrame): void;
  onEnd(): void;
}

export class Connection {
  hello: HelloOk | undefined;
  readonly #options: ConnectionOptions;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, Waiting>();
  #ended = false;
  #nextId = 0;
  #lastFrameAt = Date.now();
  #challenge: (payload: Challenge) => void = () => undefined;
  #failOpening: (error: Error) => void = () => undefined;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = new WebSocket(options.url);
    this.#socket.onmessage = (message) => this.#take(String(message.data));
    this.#socket.onclose = () => this.#end();
    this.#socket.onerror = () => this.#end();
  }

  /**
   * Connect and be admitted.
   *
   * Throws RpcError when the gateway refuses, Disconnected when it cannot be reached.
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    const deadline = setTimeout(() => connection.close(), HANDSHAKE_TIMEOUT_MS);
    try {
      await connection.#shakeHands();
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      clearTimeout(deadline);
    }
  }

  get quietMs(): number {
    return Date.now() - this.#lastFrameAt;
  }

  request(method: string, params: unknown): Promise<unknown> {
    if (this.#ended) return Promise.reject(new Disconnected());
    this.#nextId += 1;
    const id = `${this.#nextId}:${method}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#forget(id, new Error(`${method} took too long`)),
        REQUEST_TIMEOUT_MS,
      );
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  }

  close(): void {
    this.#socket.close();
    this.#end();
  }

  async #shakeHands(): Promise<void> {
    const { params, identity } = this.#options;
    const challenge = await new Promise<Challenge>((resolve, reject) => {
      this.#challenge = resolve;
      this.#failOpening = reject;
    });
    const device = await identity.prove(params, challenge.nonce, challenge.ts);
    this.hello = (await this.request("connect", { ...params, device })) as HelloOk;
  }

  #take(text: string): void {
    this.#lastFrameAt = Date.now();
    const frame = decodeFrame(text);
    if (frame === undefined) return;
    if (frame.type === "res") this.#answer(frame);
    else if (frame.event === "connect.challenge") this.#challenge(frame.payload as Challenge);
    else this.#options.onEvent(frame);
  }

  #answer(frame: ResponseFrame): void {
    const waiting = this.#waiting.get(frame.id);
    if (waiting === undefined) return;
    this.#waiting.delete(frame.id);
    clearTimeout(waiting.timer);
    if (frame.ok) waiting.resolve(frame.payload);
    else
      waiting.reject(
        new RpcError(frame.error ?? { code: "UNAVAILABLE", message: "refused without a reason" }),
      );
  }

  #forget(id: string, error: Error): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting !== undefined) {
      clearTimeout(waiting.timer);
      waiting.reject(error);
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failOpening(new Disconnected());
    for (const id of [...this.#waiting.keys()]) this.#forget(id, new Disconnected());
    this.#options.onEnd();
  }
}
