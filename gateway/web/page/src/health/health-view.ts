import { html, type TemplateResult } from "lit";
import type { App } from "../app/app";

export function healthView(_app: App): TemplateResult {
  return html`<p>Health</p>`;
}
