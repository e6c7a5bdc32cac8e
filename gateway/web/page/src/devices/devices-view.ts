import { html, type TemplateResult } from "lit";
import type { App } from "../app/app";

export function devicesView(_app: App): TemplateResult {
  return html`<p>Devices</p>`;
}
