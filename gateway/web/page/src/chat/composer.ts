/** Where a message is written: text, files, commands, and what it does while another one is answered. */

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { App } from "../app/app";
import { icon } from "../app/icons";
import { explain } from "../client/frames";
import type { OutgoingMessage, QueueMode } from "../client/outbox";
import { size } from "../text/amounts";
import { type ChosenFile, MAX_FILES, readFile } from "./attachments";
import { Completion } from "./completion";
import { draftOf, keepDraft } from "./drafts";

const MODES: [QueueMode, string][] = [
  ["steer", "joins the answer"],
  ["followup", "waits for its turn"],
  ["collect", "waits with others"],
  ["interrupt", "ends the answer"],
];

export class Composer extends LitElement {
  static override properties = {
    app: { attribute: false },
    sessionKey: { attribute: false },
    running: { attribute: false },
    queueMode: { attribute: false },
  };

  app!: App;
  sessionKey = "";
  running = false;
  /** The session's own mode, shown until another is chosen. */
  queueMode = "";
  #chosenMode: QueueMode | undefined;
  #files: ChosenFile[] = [];
  #trouble = "";
  readonly #completion = new Completion((text) => {
    this.#field.value = text;
    this.#typed();
  });
  #ending: (() => void) | undefined;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ending = this.app.gateway.onReady(() => void this.#loadCommands());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#ending?.();
  }

  override render(): TemplateResult {
    const { open, activeId } = this.#completion;
    return html`
      ${this.#trouble === "" ? nothing : html`<p class="problem" role="alert">${this.#trouble}</p>`}
      ${this.#files.length === 0 ? nothing : this.#fileList()}
      ${this.#completion.template()}
      <form class="composer" @submit=${this.#submit} @dragover=${keep} @drop=${this.#dropped}>
        <label class="unseen" for="message">Message</label>
        <textarea
          id="message" rows="1" placeholder="Write a message, or / for commands" enterkeyhint="send"
          aria-controls=${open ? "commands" : nothing} aria-autocomplete="list" aria-haspopup="listbox"
          aria-activedescendant=${open ? activeId : nothing}
          @input=${this.#typed} @keydown=${this.#key} @paste=${this.#pasted} @blur=${this.#closeSuggestions}
        ></textarea>
        <div class="composer-tools">
          <label class="icon-button" title="Attach files">
            ${icon("attach")}<span class="unseen">Attach files</span>
            <input class="unseen" type="file" multiple @change=${this.#picked}>
          </label>
          ${this.#modeChoice()}
          <span class="spacer"></span>
          ${this.running ? html`<button type="button" class="stop" @click=${this.#stop}>${icon("stop")}Stop</button>` : nothing}
          <button class="primary send" aria-label="Send">${icon("send")}</button>
        </div>
      </form>`;
  }

  #modeChoice(): TemplateResult {
    const mode = this.#chosenMode ?? this.queueMode;
    return html`<label class="mode"><span>While it answers, this</span>
      <select aria-label="While it answers" @change=${this.#chooseMode}>
        ${MODES.map(([value, text]) => html`<option value=${value} .selected=${value === mode}>${text}</option>`)}
      </select>
    </label>`;
  }

  #fileList(): TemplateResult {
    return html`<ul class="files chosen" aria-label="Attached files">
      ${this.#files.map(
        (file, index) => html`<li class="file">
          ${file.preview === undefined ? icon("file") : html`<img src=${file.preview} alt="" width="36" height="36">`}
          <span>${file.name}</span><small>${size(file.sizeBytes)}</small>
          <button class="icon-button" aria-label=${`Remove ${file.name}`} @click=${() => this.#removeFile(index)}>${icon("close")}</button>
        </li>`,
      )}
    </ul>`;
  }

  get #field(): HTMLTextAreaElement {
    return this.querySelector("textarea") as HTMLTextAreaElement;
  }

  async #loadCommands(): Promise<void> {
    if (!this.app.gateway.offers("commands.list")) return;
    try {
      this.#completion.commands = (
        await this.app.gateway.call("commands.list", { scope: "text", includeArgs: true })
      ).commands;
    } catch {
      // Without the list nothing is completed; what is typed works all the same.
      this.#completion.commands = [];
    }
  }

  /** Another conversation: what was typed in it before. */
  protected override updated(changed: PropertyValues): void {
    if (!changed.has("sessionKey")) return;
    this.#field.value = draftOf(this.sessionKey);
    this.#typed();
  }

  #typed(): void {
    growToFit(this.#field);
    keepDraft(this.sessionKey, this.#field.value);
    this.#completion.look(this.#field.value);
    this.requestUpdate();
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (this.#completion.key(event.key, this.#field.value)) {
      event.preventDefault();
      this.requestUpdate();
      return;
    }
    // On a touch keyboard Enter is the only way to a new line; the button sends.
    const touch = matchMedia("(pointer: coarse)").matches;
    if (event.key === "Enter" && !event.shiftKey && !touch) {
      event.preventDefault();
      void this.#send();
    }
  }

  #closeSuggestions(): void {
    this.#completion.close();
    this.requestUpdate();
  }

  #chooseMode(event: Event): void {
    this.#chosenMode = (event.target as HTMLSelectElement).value as QueueMode;
  }

  #submit(event: Event): void {
    event.preventDefault();
    void this.#send();
  }

  async #send(): Promise<void> {
    const text = this.#field.value.trim();
    if (text === "" && this.#files.length === 0) return;
    const message: OutgoingMessage = {
      id: crypto.randomUUID(),
      sessionKey: this.sessionKey,
      text,
      attachments: this.#files.map((file) => file.upload),
      createdAt: Date.now(),
      ...(this.#chosenMode === undefined ? {} : { queueMode: this.#chosenMode }),
    };
    try {
      await this.app.outbox.add(message);
    } catch (error) {
      this.#complain(`This browser could not keep the message: ${explain(error)}`);
      return;
    }
    this.#files = [];
    this.#trouble = "";
    this.#field.value = "";
    this.#typed();
  }

  async #stop(): Promise<void> {
    try {
      await this.app.gateway.call("chat.abort", { sessionKey: this.sessionKey });
    } catch (error) {
      this.#complain(explain(error));
    }
  }

  // Files

  #picked(event: Event): void {
    const input = event.target as HTMLInputElement;
    void this.#add([...(input.files ?? [])]);
    input.value = "";
  }

  #pasted(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    void this.#add(files);
  }

  #dropped(event: DragEvent): void {
    event.preventDefault();
    void this.#add([...(event.dataTransfer?.files ?? [])]);
  }

  async #add(files: File[]): Promise<void> {
    this.#trouble = "";
    for (const file of files) {
      if (this.#files.length >= MAX_FILES) {
        this.#complain(`One message takes ${MAX_FILES} files`);
        return;
      }
      try {
        this.#files = [...this.#files, await readFile(file, this.app.gateway.hello?.policy.attachments)];
      } catch (error) {
        this.#complain(explain(error));
      }
    }
    this.requestUpdate();
  }

  #removeFile(index: number): void {
    this.#files = this.#files.filter((_, at) => at !== index);
    this.requestUpdate();
    this.#field.focus();
  }

  #complain(text: string): void {
    this.#trouble = text;
    this.requestUpdate();
  }
}

function keep(event: Event): void {
  event.preventDefault();
}

/** Grow with the text, up to what the style allows. */
function growToFit(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

customElements.define("homarus-composer", Composer);
