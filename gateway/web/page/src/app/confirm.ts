/** A question before something that cannot be taken back. */

import { html, nothing, render, type TemplateResult } from "lit";

export interface Question {
  title: string;
  text: string;
  /** What the button that goes on says. */
  action: string;
  danger?: boolean;
  /** Ask for a text; the answer is what was typed. */
  field?: { label: string; value: string; maxLength: number };
}

/** The typed text, or "yes"; undefined when the person changed their mind. */
export function ask(question: Question): Promise<string | undefined> {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "dialog-title");
  const before = document.activeElement;
  document.body.append(dialog);
  return new Promise((resolve) => {
    let answer: string | undefined;
    const done = (event: Event) => {
      event.preventDefault();
      answer = dialog.querySelector<HTMLInputElement>("input")?.value.trim() || (question.field ? "" : "yes");
      dialog.close();
    };
    render(
      body(question, done, () => dialog.close()),
      dialog,
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(answer);
    });
    dialog.showModal();
  });
}

function body(question: Question, done: (event: Event) => void, cancel: () => void): TemplateResult {
  const { field } = question;
  return html`<form @submit=${done}>
    <h2 id="dialog-title">${question.title}</h2>
    <p>${question.text}</p>
    ${field === undefined ? nothing : html`<label>${field.label}<input maxlength=${field.maxLength} .value=${field.value} autofocus></label>`}
    <div class="actions">
      <button type="button" @click=${cancel}>Cancel</button>
      <button class=${question.danger ? "danger strong" : "primary"}>${question.action}</button>
    </div>
  </form>`;
}
