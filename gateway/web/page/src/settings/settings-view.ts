import { html, type TemplateResult } from "lit";
import type { App } from "../app/app";

export function settingsView(_app: App): TemplateResult {
  return html`<p>Settings</p>`;
}
