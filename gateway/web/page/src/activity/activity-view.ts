import { html, type TemplateResult } from "lit";
import type { App } from "../app/app";

export function activityView(_app: App): TemplateResult {
  return html`<p>Activity</p>`;
}
