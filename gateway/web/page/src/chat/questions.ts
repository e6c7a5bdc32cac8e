/** Questions an agent asks a person, answered where the conversation is. */

import { html, LitElement, nothing, type TemplateResult } from "lit";
import type { App } from "../app/app";
import { problem } from "../app/parts";
import { explain } from "../client/frames";
import type { Question, QuestionRecord } from "../client/wire";

export class Questions extends LitElement {
  static override properties = { app: { attribute: false }, sessionKey: { attribute: false } };

  app!: App;
  sessionKey = "";
  #records: QuestionRecord[] = [];
  #trouble = "";
  readonly #endings: (() => void)[] = [];

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { gateway } = this.app;
    const load = () => void this.#load();
    this.#endings.push(
      gateway.onReady(load),
      gateway.on("question.requested", load),
      gateway.on("question.resolved", load),
    );
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#endings.splice(0)) end();
  }

  override render(): TemplateResult {
    const mine = this.#records.filter((record) => (record.sessionKey ?? this.sessionKey) === this.sessionKey);
    return html`<div aria-live="polite">${mine.map((record) => this.#form(record))}</div>`;
  }

  #form(record: QuestionRecord): TemplateResult {
    const answer = (event: SubmitEvent) => {
      event.preventDefault();
      void this.#resolve(record, new FormData(event.target as HTMLFormElement));
    };
    return html`<form class="question" aria-label="The agent asks" @submit=${answer}>
      ${record.questions.map((question) => fieldset(record, question))}
      ${problem(this.#trouble)}
      <div class="actions">
        <button class="primary">Answer</button>
        <button type="button" class="quiet" @click=${() => this.#resolve(record, undefined)}>Do not answer</button>
      </div>
    </form>`;
  }

  async #load(): Promise<void> {
    const { gateway } = this.app;
    if (!gateway.offers("question.list") || !gateway.may("operator.questions")) return;
    try {
      this.#records = (await gateway.call("question.list", {})).questions;
    } catch (error) {
      this.#trouble = explain(error);
    }
    this.requestUpdate();
  }

  async #resolve(record: QuestionRecord, form: FormData | undefined): Promise<void> {
    const answers = form === undefined ? {} : { answers: { answers: answersOf(record, form) } };
    try {
      await this.app.gateway.call("question.resolve", {
        id: record.id,
        cancel: form === undefined,
        ...answers,
      });
      this.#trouble = "";
    } catch (error) {
      this.#trouble = explain(error);
    }
    await this.#load();
  }
}

function nameOf(record: QuestionRecord, question: Question): string {
  return `${record.id} ${question.questionId}`;
}

function fieldset(record: QuestionRecord, question: Question): TemplateResult {
  const name = nameOf(record, question);
  const free = question.isOther === true || question.options.length === 0;
  return html`<fieldset>
    <legend>${question.question}</legend>
    ${question.options.map(
      (option) => html`<label class="check">
        <input type=${question.multiSelect ? "checkbox" : "radio"} name=${name} value=${option.label}>
        <span>${option.label}${option.description ? html` <small>${option.description}</small>` : nothing}</span>
      </label>`,
    )}
    ${free ? html`<input name=${`${name} other`} aria-label="Answer in your own words" placeholder="In your own words" maxlength="8000">` : nothing}
  </fieldset>`;
}

/** What was chosen and written, by question. */
function answersOf(record: QuestionRecord, form: FormData): Record<string, string[]> {
  const answers: Record<string, string[]> = {};
  for (const question of record.questions) {
    const name = nameOf(record, question);
    const written = String(form.get(`${name} other`) ?? "").trim();
    answers[question.questionId] = [...form.getAll(name).map(String), ...(written === "" ? [] : [written])];
  }
  return answers;
}

customElements.define("homarus-questions", Questions);
