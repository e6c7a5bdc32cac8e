/** The frames of the gateway's WebSocket, and its errors. */

import type { ErrorShape, Events, Methods } from "./wire";

export type MethodName = keyof Methods;
export type Params<M extends MethodName> = Methods[M]["params"];
export type Result<M extends MethodName> = Methods[M]["result"];
export type EventName = keyof Events;

/** Payload of `connect.challenge`, the first frame of every connection. */
export interface Challenge {
  nonce: string;
  ts: number;
}

export interface EventFrame {
  type: "event";
  event: string;
  payload?: unknown;
  /** Counts on this connection; absent on events addressed to it alone. */
  seq?: number;
  /** Counts over one life of the gateway; see decision 5. */
  cursor?: number;
}

export interface ResponseFrame {
  type: "res";
  id: string;
  ok: boolean;
  payload?: unknown;
  error?: ErrorShape;
}

export type Frame = EventFrame | ResponseFrame;

/** A refusal of the gateway. */
export class RpcError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(shape: ErrorShape) {
    super(shape.message);
    this.name = "RpcError";
    this.code = shape.code;
    this.details = isRecord(shape.details) ? shape.details : {};
    this.retryable = shape.retryable === true;
    this.retryAfterMs = shape.retryAfterMs ?? undefined;
  }

  /** `details.code`, the one to branch on; else the wire code. */
  get reason(): string {
    return typeof this.details.code === "string" ? this.details.code : this.code;
  }
}

/** There is no connection, or it ended before the answer came. */
export class Disconnected extends Error {
  constructor() {
    super("Not connected. It is tried again by itself.");
    this.name = "Disconnected";
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The frame in a text, or undefined for what is none. */
export function decodeFrame(text: string): Frame | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  if (value.type === "event" && typeof value.event === "string") return value as unknown as EventFrame;
  if (value.type === "res" && typeof value.id === "string") return value as unknown as ResponseFrame;
  return undefined;
}

/** What a person is told about an error. */
export function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
