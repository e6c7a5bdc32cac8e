/** Approvals: what waits for a yes or no, what was decided, and what is allowed for good. */

import { html, nothing, type TemplateResult } from "lit";
import type { App } from "../app/app";
import { ask } from "../app/confirm";
import { Names } from "../app/names";
import { chips, facts, frame, problem, section } from "../app/parts";
import { addressOf } from "../app/routes";
import { View } from "../app/view";
import type { MethodName } from "../client/frames";
import type { Approval, ApprovalRequest, StandingGrant } from "../client/wire";
import { ago, moment, span } from "../text/amounts";

type Decision = NonNullable<Approval["decision"]>;

const LISTS = ["exec.approval.list", "plugin.approval.list", "openclaw.approval.list"] as const;
const PAGE = 20;
const SECOND_MS = 1_000;

const KINDS: Record<string, string> = {
  exec: "Run a command",
  plugin: "Use an extension",
  "system-agent": "Change the gateway",
};
const BUTTONS: Record<Decision, string> = {
  "allow-once": "Allow once",
  "allow-always": "Always allow",
  deny: "Deny",
};
const DECIDED: Record<Decision, string> = {
  "allow-once": "Allowed once",
  "allow-always": "Always allowed",
  deny: "Denied",
};
const UNDECIDED: Record<string, string> = {
  expired: "Nobody decided in time",
  cancelled: "No longer needed",
};

export class ApprovalsView extends View {
  readonly #names = new Names();
  #pending: Approval[] = [];
  /** What was asked for, by id: the folder is not part of the presentation. */
  #requests = new Map<string, ApprovalRequest>();
  #decided: Approval[] = [];
  #grants: StandingGrant[] = [];
  #more: string | undefined;
  #loaded = false;

  override render(): TemplateResult {
    const intro = "Something an agent or a device wants to do, and may only do when you say so.";
    const empty = this.#loaded ? "Nothing waits for you. A new request appears here by itself." : "";
    return frame(
      "Approvals",
      intro,
      html`${problem(this.trouble)}
        <div aria-live="polite">${section(
          "Waiting for you",
          this.#pending.map((each) => this.#pendingCard(each)),
          empty,
        )}</div>
        ${section(
          "Allowed for good",
          this.#grants.map((each) => this.#grantCard(each)),
        )}
        ${section(
          "Decided in the last 30 days",
          this.#decided.map((each) => decidedCard(each, this.#names)),
        )}
        ${this.#more === undefined ? nothing : html`<button class="quiet" @click=${() => this.#older()}>Show older ones</button>`}`,
    );
  }

  protected override attached(): void {
    const { gateway } = this.app;
    this.follow(gateway.on("exec.approval.requested", () => void this.#load()));
    this.follow(gateway.on("exec.approval.resolved", () => void this.#load()));
    const ticking = setInterval(() => {
      if (this.#pending.length > 0) this.requestUpdate();
    }, SECOND_MS);
    this.follow(() => clearInterval(ticking));
  }

  protected override connected(): void {
    void this.attempt(() => this.#names.load(this.app.gateway));
    void this.#load();
  }

  #pendingCard(approval: Approval): TemplateResult {
    const { presentation, source } = approval;
    const session = source?.sessionKey;
    return html`<li class="card waiting">
      <h3>${KINDS[presentation.kind] ?? presentation.kind}</h3>
      <pre class="command-text" tabindex="0" aria-label="Command">${presentation.commandText}</pre>
      ${presentation.warningText ? html`<p class="warning">${presentation.warningText}</p>` : nothing}
      ${facts([
        [
          "Where",
          presentation.nodeId
            ? `On the device ${presentation.nodeId}`
            : (presentation.host ?? "On the gateway's machine"),
        ],
        ["In folder", this.#folder(approval.id)],
        ["Asked by", presentation.agentId ?? source?.agentId],
        ["Conversation", session ? html`<a href=${addressOf("chat", session)}>${session}</a>` : undefined],
        ["Time left", span(approval.expiresAtMs - Date.now())],
      ])}
      <div class="actions">
        ${presentation.allowedDecisions.map((decision) => this.#button(approval, decision))}
      </div>
    </li>`;
  }

  #folder(id: string): string | undefined {
    const folder = this.#requests.get(id)?.request.cwd;
    return typeof folder === "string" ? folder : undefined;
  }

  #button(approval: Approval, decision: Decision): TemplateResult {
    const look = decision === "allow-once" ? "primary" : decision === "deny" ? "danger" : "";
    return html`<button class=${look} @click=${() => this.#decide(approval, decision)}>${BUTTONS[decision]}</button>`;
  }

  #grantCard(grant: StandingGrant): TemplateResult {
    const until = grant.expiresAtMs === null ? "" : `, until ${moment(grant.expiresAtMs)}`;
    return html`<li class="card">
      <pre class="command-text">${grant.command}</pre>
      ${chips([grant.agentId, `used ${grant.useCount} ×`, `since ${moment(grant.createdAtMs)}${until}`])}
      <div class="actions"><button class="danger" @click=${() => this.#revoke(grant)}>Take back</button></div>
    </li>`;
  }

  async #load(): Promise<void> {
    const { gateway } = this.app;
    if (gateway.state.phase !== "ready") return;
    await this.attempt(async () => {
      const offered = LISTS.filter((method) => gateway.offers(method));
      const asked = (await Promise.all(offered.map((method) => gateway.call(method, {})))).flat();
      this.#requests = new Map(asked.map((request) => [request.id, request]));
      // The gateway's own presentation: the whole command, with what cannot be seen made visible.
      const views = await Promise.all(asked.map(({ id }) => gateway.call("approval.get", { id })));
      this.#pending = views.map((view) => view.approval).filter((approval) => approval.status === "pending");
      if (gateway.offers("approval.history")) {
        const page = await gateway.call("approval.history", { limit: PAGE });
        this.#decided = page.items;
        this.#more = page.nextCursor ?? undefined;
      }
      const grants: MethodName = "exec.approval.grants.list";
      this.#grants = gateway.offers(grants)
        ? (await gateway.call(grants, {})).grants.filter((each) => each.revokedAtMs === null)
        : [];
      this.#loaded = true;
    });
  }

  async #older(): Promise<void> {
    await this.attempt(async () => {
      const page = await this.app.gateway.call("approval.history", {
        limit: PAGE,
        cursor: this.#more ?? null,
      });
      this.#decided = [...this.#decided, ...page.items];
      this.#more = page.nextCursor ?? undefined;
    });
  }

  async #decide(approval: Approval, decision: Decision): Promise<void> {
    await this.attempt(async () => {
      const { id, presentation } = approval;
      const answer = await this.app.gateway.call("approval.resolve", {
        id,
        kind: presentation.kind,
        decision,
      });
      this.app.say(answer.applied ? DECIDED[decision] : "Somebody else had decided before");
      await this.#load();
    });
  }

  async #revoke(grant: StandingGrant): Promise<void> {
    const text = "The next time this is wanted you are asked again.";
    if ((await ask({ title: "Take the permission back?", text, action: "Take back" })) === undefined) return;
    await this.attempt(async () => {
      await this.app.gateway.call("exec.approval.grants.revoke", { grantId: grant.grantId });
      await this.#load();
    });
  }
}

function decidedCard(approval: Approval, names: Names): TemplateResult {
  const { decision, status, resolver } = approval;
  const text = decision ? DECIDED[decision] : (UNDECIDED[status] ?? status);
  const who = resolver?.id ? ` by ${names.of(resolver.id)}` : "";
  return html`<li class="card compact" data-status=${status}>
    <pre class="command-text">${approval.presentation.commandText}</pre>
    <p class="small"><b>${text}</b>${who} · ${ago(approval.resolvedAtMs)}</p>
  </li>`;
}

customElements.define("homarus-approvals", ApprovalsView);

export function approvalsView(app: App): TemplateResult {
  return html`<homarus-approvals .app=${app}></homarus-approvals>`;
}
