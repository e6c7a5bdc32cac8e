import { html, type TemplateResult } from "lit";
import type { App } from "../app/app";

export function approvalsView(_app: App): TemplateResult {
  return html`<p>Approvals</p>`;
}
