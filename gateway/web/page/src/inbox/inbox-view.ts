import { html, type TemplateResult } from "lit";
import type { App } from "../app/app";

export function inboxView(_app: App): TemplateResult {
  return html`<p>Inbox</p>`;
}
