/** Stored messages as a conversation shows them. */

import { isRecord } from "../client/frames";

export interface StoredMessage {
  id: string;
  seq: number;
  runId: string | undefined;
  role: string;
  text: string;
  thinking: string;
  files: MessageFile[];
  calls: ToolCall[];
  answer: ToolAnswer | undefined;
  model: string | undefined;
  stopReason: string | undefined;
  at: number;
  truncated: boolean;
}

export interface MessageFile {
  name: string;
  mimeType: string;
  sizeBytes: number | undefined;
}

export interface ToolCall {
  id: string;
  name: string;
  args: unknown;
}

export interface ToolAnswer {
  id: string;
  name: string;
  text: string;
  failed: boolean;
}

/** A transcript's message, or undefined for what is none. */
export function readMessage(value: unknown): StoredMessage | undefined {
  if (!isRecord(value) || typeof value.role !== "string") return undefined;
  const known = isRecord(value.__openclaw) ? value.__openclaw : {};
  if (typeof known.id !== "string" || typeof known.seq !== "number") return undefined;
  const blocks = contentBlocks(value.content);
  return {
    id: known.id,
    seq: known.seq,
    runId: text(known.runId),
    role: value.role,
    text: joined(blocks, "text", "text"),
    thinking: joined(blocks, "thinking", "thinking"),
    files: blocks.flatMap(readFile),
    calls: blocks.flatMap(readCall),
    answer: value.role === "toolResult" ? readAnswer(value, blocks) : undefined,
    model: text(value.model),
    stopReason: text(value.stopReason),
    at: typeof value.timestamp === "number" ? value.timestamp : 0,
    truncated: known.truncated === true,
  };
}

/** What a tool gave, as text: the text of its content blocks, else the whole as JSON. */
export function resultText(result: unknown): string {
  if (typeof result === "string") return result;
  if (isRecord(result)) {
    const found = joined(contentBlocks(result.content), "text", "text");
    if (found !== "") return found;
  }
  return result === undefined || result === null ? "" : JSON.stringify(result, null, 2);
}

/** JSON inside a text, laid out for reading; other text as it is. */
export function readable(content: string): string {
  if (!/^\s*[[{]/.test(content)) return content;
  try {
    return JSON.stringify(JSON.parse(content), null, 2);
  } catch {
    return content;
  }
}

function contentBlocks(content: unknown): Record<string, unknown>[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return Array.isArray(content) ? content.filter(isRecord) : [];
}

function joined(blocks: Record<string, unknown>[], type: string, member: string): string {
  return blocks
    .filter((block) => block.type === type && typeof block[member] === "string")
    .map((block) => block[member] as string)
    .join("\n\n");
}

function readFile(block: Record<string, unknown>): MessageFile[] {
  if (!["image", "audio", "video", "file"].includes(String(block.type))) return [];
  const mimeType = text(block.mimeType) ?? "application/octet-stream";
  const sizeBytes = typeof block.sizeBytes === "number" ? block.sizeBytes : undefined;
  return [{ name: text(block.fileName) ?? mimeType, mimeType, sizeBytes }];
}

function readCall(block: Record<string, unknown>): ToolCall[] {
  if (block.type !== "toolCall" || typeof block.id !== "string") return [];
  return [{ id: block.id, name: text(block.name) ?? "tool", args: block.arguments }];
}

function readAnswer(message: Record<string, unknown>, blocks: Record<string, unknown>[]): ToolAnswer {
  return {
    id: text(message.toolCallId) ?? "",
    name: text(message.toolName) ?? "tool",
    text: joined(blocks, "text", "text"),
    failed: message.isError === true,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A model as people are told about it: the built-in agent has none, and "offline" would read like a lost line. */
export function modelName(model: string | null | undefined): string {
  return model === "offline" ? "built-in agent" : (model ?? "");
}
