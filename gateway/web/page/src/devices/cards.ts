/** How a request and a device look. */

import { html, nothing, type TemplateResult } from "lit";
import { chips, facts } from "../app/parts";
import type { NodePairRequest, NodeRow, PairRequest } from "../client/wire";
import { ago, moment, size } from "../text/amounts";
import { commandGroups, type Entry, kindOf, requestName, roleWords, scopeWords } from "./words";

type Decide = (yes: boolean) => void;

export function deviceRequestCard(request: PairRequest, decide: Decide): TemplateResult {
  const asks = request.isRepair
    ? "is paired already and asks for more, or has changed"
    : "wants to be let in";
  return card(
    requestName(request),
    asks,
    html`${facts([
      ["It is", kindOf(request)],
      ["It wants to", listed(roleWords(request.roles))],
      ["And may then", request.scopes.length === 0 ? undefined : listed(scopeWords(request.scopes))],
      ["From", request.remoteIp ?? "this machine"],
      ["Page of", request.browserOrigin],
      ["Key", html`<code>${request.deviceId.slice(0, 24)}…</code>`],
      ["Asked", ago(request.ts)],
    ])}`,
    decide,
  );
}

export function nodeRequestCard(request: NodePairRequest, decide: Decide): TemplateResult {
  return card(
    requestName(request),
    "offers itself to your agents",
    html`${facts([
      ["It is", kindOf(request)],
      ["From", request.remoteIp ?? "this machine"],
      ["Asked", ago(request.ts)],
    ])}
    <h4>What agents could then do with it</h4>
    ${abilities(request.commands, request.permissions ?? {})}`,
    decide,
  );
}

function card(name: string, asks: string, body: TemplateResult, decide: Decide): TemplateResult {
  return html`<li class="card waiting">
    <h3><b>${name}</b> ${asks}</h3>
    ${body}
    <div class="actions">
      <button class="primary" aria-label=${`Approve ${name}`} @click=${() => decide(true)}>Approve</button>
      <button class="danger" aria-label=${`Reject ${name}`} @click=${() => decide(false)}>Reject</button>
    </div>
  </li>`;
}

export interface DeviceActions {
  rename(): void;
  revoke(): void;
  remove(): void;
}

export function deviceCard(entry: Entry, here: boolean, actions: DeviceActions): TemplateResult {
  const { device, node } = entry;
  const live = device?.tokens.some((token) => !token.revokedAtMs) ?? false;
  return html`<li class="card device" data-connected=${entry.connected}>
    <h3>
      <span class="dot" aria-hidden="true"></span><b>${entry.name}</b>
      ${here ? html`<span class="tag">this browser</span>` : nothing}
      <span class="seen">${entry.connected ? "connected" : `seen ${ago(entry.lastSeenMs)}`}</span>
    </h3>
    ${facts([
      ["It is", kindOf(device ?? node ?? {})],
      [
        "May",
        device === undefined
          ? undefined
          : listed(device.roles.includes("operator") ? scopeWords(device.scopes) : roleWords(device.roles)),
      ],
      ["From", device?.remoteIp ?? node?.remoteIp],
      ["Paired", device === undefined ? undefined : moment(device.approvedAtMs)],
      ["Access", device !== undefined && !live ? "revoked" : undefined],
      ["Machine", node === undefined ? undefined : machine(node)],
    ])}
    ${node === undefined ? nothing : nodeAbilities(node)}
    <div class="actions">
      <button class="quiet" aria-label=${`Rename ${entry.name}`} @click=${actions.rename}>Rename</button>
      ${live ? html`<button class="quiet danger" aria-label=${`Revoke ${entry.name}`} @click=${actions.revoke}>Revoke</button>` : nothing}
      <button class="quiet danger" aria-label=${`Remove ${entry.name}`} @click=${actions.remove}>Remove</button>
    </div>
  </li>`;
}

function nodeAbilities(node: NodeRow): TemplateResult {
  const count = node.commands.length;
  if (count === 0) {
    return html`<p class="small">${node.pendingRequestId ? "What it offers waits for your approval above." : "It offers nothing to agents."}</p>`;
  }
  return html`<details><summary>${count === 1 ? "One thing" : `${count} things`} agents can do with it</summary>
    ${abilities(node.commands, node.permissions ?? {})}</details>`;
}

function abilities(commands: string[], permissions: Record<string, boolean>): TemplateResult {
  const refused = Object.entries(permissions).filter(([, granted]) => !granted);
  return html`<dl class="abilities">${commandGroups(commands).map(
    ([group, names]) => html`<div><dt>${group}</dt><dd>${chips(names)}</dd></div>`,
  )}</dl>
  ${commands.length === 0 ? html`<p class="small">Nothing that the command policy allows.</p>` : nothing}
  ${refused.length === 0 ? nothing : html`<p class="small">Its system has not granted: ${refused.map(([name]) => name).join(", ")}</p>`}`;
}

function machine(node: NodeRow): string | undefined {
  const stats = node.hostStats;
  if (!stats) return undefined;
  const load = stats.loadAverage?.[0];
  const parts = [
    `${stats.cpuCount} processors`,
    `${size(stats.memoryFreeBytes)} of ${size(stats.memoryTotalBytes)} free`,
  ];
  return load === undefined ? parts.join(", ") : [...parts, `load ${load.toFixed(2)}`].join(", ");
}

function listed(words: string[]): TemplateResult {
  return html`<ul class="lines">${words.map((word) => html`<li>${word}</li>`)}</ul>`;
}
