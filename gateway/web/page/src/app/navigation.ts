/** The way between views: a column on a wide screen, a bar at the thumb on a phone. */

import { html, nothing, type TemplateResult } from "lit";
import type { App } from "./app";
import { icon } from "./icons";
import { addressOf, VIEWS, type ViewEntry, type ViewName } from "./routes";

/** At hand on a phone; the rest is behind "More". */
const AT_HAND = 4;

export function navigation(app: App, current: ViewName): TemplateResult {
  const offered = VIEWS.filter((view) => view.needs.every((method) => app.gateway.offers(method)));
  const rest = offered.slice(AT_HAND);
  return html`
    <nav class="rail" aria-label="Views">
      <p class="brand"><img src=${new URL("../icon.svg", import.meta.url).href} alt="" width="26" height="26">Homarus</p>
      <ul>
        ${offered.map((view, index) => entry(app, view, current, index < AT_HAND ? "" : "behind"))}
        ${rest.length === 0 ? nothing : moreButton(rest, current)}
      </ul>
      <p class="link-state" data-phase=${app.gateway.state.phase}>
        <span class="dot" aria-hidden="true"></span>${app.gateway.state.phase === "ready" ? "Connected" : "Not connected"}
      </p>
    </nav>
    <div id="more" class="sheet" popover aria-label="More views">
      <ul>${rest.map((view) => entry(app, view, current, "", closeSheet))}</ul>
    </div>`;
}

function entry(
  app: App,
  view: ViewEntry,
  current: ViewName,
  kind: string,
  click?: () => void,
): TemplateResult {
  const waiting = view.name === "approvals" || view.name === "devices" ? app.attention[view.name] : 0;
  return html`<li class=${kind}>
    <a href=${addressOf(view.name)} aria-current=${view.name === current ? "page" : nothing} @click=${click ?? nothing}>
      ${icon(view.icon)}<span>${view.title}</span>
      ${waiting === 0 ? nothing : html`<span class="badge">${waiting}<span class="unseen"> waiting</span></span>`}
    </a>
  </li>`;
}

function moreButton(rest: ViewEntry[], current: ViewName): TemplateResult {
  const inside = rest.some((view) => view.name === current);
  return html`<li class="more-item">
    <button popovertarget="more" aria-current=${inside ? "page" : nothing}>${icon("more")}<span>More</span></button>
  </li>`;
}

function closeSheet(): void {
  document.getElementById("more")?.hidePopover();
}
