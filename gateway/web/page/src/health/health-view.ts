/** Health: whether every part works, and what to do where one does not. */

import { html, type TemplateResult } from "lit";
import type { App } from "../app/app";
import { facts, frame, problem, section } from "../app/parts";
import { View } from "../app/view";
import type { HealthSummary, PartState, StatusSummary, SystemInfoResult } from "../client/wire";
import { clock, size, span } from "../text/amounts";

export class HealthView extends View {
  #status: StatusSummary | undefined;
  #health: HealthSummary | undefined;
  #system: SystemInfoResult | undefined;

  override render(): TemplateResult {
    const status = this.#status;
    const refresh = html`<button @click=${() => void this.#load()}>Check again</button>`;
    const intro = "How the gateway is right now.";
    if (status === undefined) return frame("Health", intro, problem(this.trouble), refresh);
    const parts = Object.entries(status.parts);
    const failing = parts.filter(([, part]) => !part.ok);
    return frame(
      "Health",
      intro,
      html`${problem(this.trouble)}
        <p class="verdict" data-ok=${failing.length === 0} role="status"><span class="dot" aria-hidden="true"></span>
          ${failing.length === 0 ? "Everything works." : failing.length === 1 ? "One part does not work." : `${failing.length} parts do not work.`}
        </p>
        ${section("What to do", failing.map(failingCard))}
        <div class="two">
          ${this.#gatewayCard(status)} ${this.#system === undefined ? "" : machineCard(this.#system)}
          ${partsCard(parts.filter(([, part]) => part.ok))} ${storesCard(status)}
        </div>`,
      refresh,
    );
  }

  protected override attached(): void {
    this.follow(this.app.gateway.on("health", () => void this.#load()));
  }

  protected override connected(): void {
    void this.#load();
  }

  async #load(): Promise<void> {
    const { gateway } = this.app;
    if (gateway.state.phase !== "ready") return;
    await this.attempt(async () => {
      this.#status = await gateway.call("status", {});
      this.#health = await gateway.call("health", {});
      if (gateway.offers("system.info")) this.#system = await gateway.call("system.info", {});
    });
  }

  #gatewayCard(status: StatusSummary): TemplateResult {
    const loop = this.#health?.eventLoop;
    return panel(
      "Gateway",
      facts([
        ["Version", `${status.homarusVersion}, for clients of OpenClaw ${status.runtimeVersion}`],
        ["Running for", span(status.uptimeMs)],
        ["Memory", size(status.processMemory.rssBytes)],
        ["Connections", String(status.connections)],
        ["Conversations", String(status.sessions.count)],
        ["Model", status.sessions.defaults.model],
        ["Reaction", loop ? `within ${loop.delayP99Ms} ms, 99 times of 100` : undefined],
      ]),
    );
  }
}

function panel(title: string, body: TemplateResult): TemplateResult {
  return html`<section class="card" aria-label=${title}><h2><b>${title}</b></h2>${body}</section>`;
}

function failingCard([name, part]: [string, PartState]): TemplateResult {
  return html`<li class="card failing">
    <h3><b>${name}</b><span class="seen">since ${clock(part.sinceMs)}</span></h3>
    <p>${part.detail ?? "It does not say why. Look at Activity."}</p>
  </li>`;
}

function machineCard(system: SystemInfoResult): TemplateResult {
  return panel(
    "Machine",
    facts([
      ["Name", system.machineName],
      ["System", system.osLabel],
      ["Processors", `${system.cpuCount}${system.cpuModel ? `, ${system.cpuModel}` : ""}`],
      ["Load", system.loadAverage?.map((value) => value.toFixed(2)).join(" · ")],
      ["Memory free", `${size(system.memoryFreeBytes)} of ${size(system.memoryTotalBytes)}`],
      ["Disk free", `${size(system.diskAvailableBytes)} of ${size(system.diskTotalBytes)}`],
    ]),
  );
}

function partsCard(parts: [string, PartState][]): TemplateResult {
  return panel(
    "Working parts",
    html`<ul class="lines good">${parts.map(([name, part]) => html`<li><b>${name}</b> <small>since ${clock(part.sinceMs)}</small></li>`)}</ul>`,
  );
}

function storesCard(status: StatusSummary): TemplateResult {
  const rows = Object.entries(status.stores).map(
    ([name, store]) =>
      html`<tr><th scope="row">${name}</th><td>${size(store.databaseBytes + store.walBytes)}</td><td>${store.commits}</td></tr>`,
  );
  return panel(
    "Stores",
    html`<table class="plain"><thead><tr><th>Database</th><th>On disk</th><th>Commits</th></tr></thead><tbody>${rows}</tbody></table>`,
  );
}

customElements.define("homarus-health", HealthView);

export function healthView(app: App): TemplateResult {
  return html`<homarus-health .app=${app}></homarus-health>`;
}
