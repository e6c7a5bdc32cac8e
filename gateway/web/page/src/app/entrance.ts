/** What somebody sees who is not let in yet. */

import { html, nothing, type TemplateResult } from "lit";
import type { App } from "./app";

const PAIRING: Record<string, [string, string]> = {
  "not-paired": ["Approve this browser", "The gateway does not know this browser yet."],
  "scope-upgrade": ["Approve more rights", "This browser asks for more than it was approved for."],
  "role-upgrade": ["Approve another role", "This browser asks for another role than it was approved for."],
  "metadata-upgrade": [
    "Approve this browser again",
    "Something about this browser changed since it was approved.",
  ],
};

function card(title: string, body: TemplateResult): TemplateResult {
  return html`<main class="entrance">
    <section aria-labelledby="entrance-title">
      <img src=${new URL("../icon.svg", import.meta.url).href} alt="" width="44" height="44">
      <h1 id="entrance-title">${title}</h1>
      ${body}
    </section>
  </main>`;
}

function loginForm(app: App, message: string | undefined): TemplateResult {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const field = (event.target as HTMLFormElement).elements.namedItem("secret") as HTMLInputElement;
    if (field.value.trim() === "") field.focus();
    else app.gateway.login(field.value.trim());
  };
  return card(
    "Connect to the gateway",
    html`
      <p>
        Open the link the gateway printed when it started, or run <code>homarus dashboard</code> on its machine for a
        new one. You can also enter the gateway's token here.
      </p>
      <form @submit=${submit}>
        <label for="secret">Token or password</label>
        <input
          id="secret" name="secret" type="password" autocomplete="off" required autofocus
          aria-describedby=${message === undefined ? nothing : "secret-problem"}
        >
        ${message === undefined ? nothing : html`<p class="problem" id="secret-problem" role="alert">${message}</p>`}
        <button class="primary">Connect</button>
      </form>
      <p class="small">It is used once. Afterwards this browser has a key of its own, which you can revoke.</p>`,
  );
}

function waiting(requestId: string, reason: string): TemplateResult {
  const [title, text] = PAIRING[reason] ?? [
    "Approve this browser",
    "The gateway does not know this browser yet.",
  ];
  const command = `homarus devices approve ${requestId}`;
  return card(
    title,
    html`
      <p role="status">${text} Approve it under Devices on a browser that is connected already, or on the gateway's machine:</p>
      <p class="command"><code>${command}</code>
        <button class="quiet" @click=${() => navigator.clipboard.writeText(command)}>Copy</button>
      </p>
      <p class="small">Request <code>${requestId}</code>. This page goes on by itself once you did.</p>`,
  );
}

export const Entrance = {
  of(app: App): TemplateResult {
    const state = app.gateway.state;
    switch (state.phase) {
      case "login":
        return loginForm(app, state.message);
      case "pairing":
        return waiting(state.requestId, state.reason);
      case "refused":
        return card("The gateway refuses this page", html`<p role="alert">${state.message}</p>`);
      default:
        return card(
          "Connecting…",
          state.phase === "connecting" && state.attempt > 1
            ? html`<p role="status">The gateway does not answer. Start it with <code>homarus gateway run</code>; this page goes on by itself.</p>`
            : html`<p role="status" class="small">Looking for the gateway.</p>`,
        );
    }
  },

  /** This browser cannot be a device here. */
  obstacle(text: string): TemplateResult {
    return card("This page cannot connect from here", html`<p role="alert">${text}</p>`);
  },
};
