/** How each line of a conversation looks. */

import { html, nothing, type TemplateResult } from "lit";
import { icon } from "../app/icons";
import type { Outbox, OutboxItem } from "../client/outbox";
import type { AttachmentUpload } from "../client/wire";
import "../text/markdown";
import { clock, moment, size } from "../text/amounts";
import type { Row, ToolCard } from "./conversation";
import { type MessageFile, modelName, readable } from "./messages";

/** A tool's output beyond this is cut in the card; the whole is in the transcript. */
const SHOWN_CHARS = 20_000;

export function rowTemplate(row: Row, outbox: Outbox): TemplateResult {
  switch (row.kind) {
    case "user":
      return userRow(row.text, row.files, timeOf(row.at), row.note);
    case "outgoing":
      return outgoingRow(row.item, outbox);
    case "answer":
      return answerRow(row);
    case "live":
      return liveRow(row.text, row.phase, row.error);
    case "tool":
      return toolRow(row.card);
    case "note":
      return html`<p class="note">${row.text}</p>`;
  }
}

function timeOf(at: number): TemplateResult | typeof nothing {
  return at === 0
    ? nothing
    : html`<time datetime=${new Date(at).toISOString()} title=${moment(at)}>${clock(at)}</time>`;
}

function userRow(
  text: string,
  files: MessageFile[],
  time: unknown,
  note: string | undefined,
): TemplateResult {
  return html`<article class="message user" aria-label="You">
    ${text === "" ? nothing : html`<p class="bubble">${text}</p>`}
    ${files.length === 0 ? nothing : html`<ul class="files">${files.map(fileChip)}</ul>`}
    <p class="meta">${note === undefined ? time : note}</p>
  </article>`;
}

function fileChip(file: MessageFile): TemplateResult {
  const note = file.sizeBytes === undefined ? file.mimeType : size(file.sizeBytes);
  return html`<li class="file">${icon("file")}<span>${file.name}</span><small>${note}</small></li>`;
}

const STATES: Record<OutboxItem["state"], string> = {
  waiting: "Waits for the connection",
  sending: "Sending…",
  accepted: "Sent",
  failed: "Not sent",
};

function outgoingRow(item: OutboxItem, outbox: Outbox): TemplateResult {
  const { message, state, error } = item;
  const failed = html`<span class="problem" role="alert">Not sent: ${error}</span>
    <button class="quiet" @click=${() => outbox.retry(message.id)}>Try again</button>
    <button class="quiet" @click=${() => outbox.discard(message.id)}>Delete</button>`;
  return html`<article class="message user" data-state=${state} aria-label="You">
    ${message.text === "" ? nothing : html`<p class="bubble">${message.text}</p>`}
    ${message.attachments.length === 0 ? nothing : html`<ul class="files">${message.attachments.map(outgoingFile)}</ul>`}
    <p class="meta">${state === "failed" ? failed : STATES[state]}</p>
  </article>`;
}

function outgoingFile(file: AttachmentUpload): TemplateResult {
  return html`<li class="file">${icon("file")}<span>${file.fileName ?? "file"}</span></li>`;
}

function answerRow(row: Extract<Row, { kind: "answer" }>): TemplateResult {
  const { message } = row;
  const stopped = message.stopReason === "aborted" ? "Stopped" : "";
  return html`<article class="message answer" ?data-failed=${message.stopReason === "error"} aria-label="Answer">
    ${message.thinking === "" ? nothing : thinking(message.thinking)}
    <homarus-markdown class="prose" .text=${message.text}></homarus-markdown>
    <p class="meta">${timeOf(message.at)}${message.model ? html`<span>${modelName(message.model)}</span>` : nothing}
      ${stopped === "" ? nothing : html`<span>${stopped}</span>`}
      ${message.truncated ? html`<span>Shortened</span>` : nothing}</p>
  </article>`;
}

function thinking(text: string): TemplateResult {
  return html`<details class="thinking"><summary>Thoughts</summary><p>${text}</p></details>`;
}

function liveRow(text: string, phase: string, error: string | undefined): TemplateResult {
  return html`<article class="message answer live" aria-label="Answer" aria-busy=${phase === "" ? "false" : "true"}>
    ${text === "" ? nothing : html`<homarus-markdown class="prose" .text=${text}></homarus-markdown>`}
    ${error === undefined ? nothing : html`<p class="problem" role="alert">${error}</p>`}
    ${phase === "" ? nothing : html`<p class="meta"><span class="pulse" aria-hidden="true"></span>${text === "" ? phase : "Answering…"}</p>`}
  </article>`;
}

const TOOL_STATES: Record<ToolCard["state"], string> = {
  running: "running…",
  done: "done",
  failed: "failed",
};

function toolRow(card: ToolCard): TemplateResult {
  const args = card.args === undefined || card.args === null ? "" : JSON.stringify(card.args, null, 2);
  return html`<details class="tool" data-state=${card.state}>
    <summary>${icon("tool")}<span class="tool-name">${card.name}</span><span class="tool-state">${TOOL_STATES[card.state]}</span></summary>
    ${args === "" || args === "{}" ? nothing : html`<p class="tool-part">Asked with</p><pre>${args}</pre>`}
    ${card.text === "" ? nothing : html`<p class="tool-part">${card.state === "failed" ? "It failed with" : "It gave"}</p><pre>${cut(readable(card.text))}</pre>`}
  </details>`;
}

function cut(text: string): string {
  return text.length > SHOWN_CHARS
    ? `${text.slice(0, SHOWN_CHARS)}\n… (${text.length} characters in all)`
    : text;
}
