/** The list of commands above the editor, and the keys that choose from it. */

import { html, nothing, type TemplateResult } from "lit";
import type { SlashCommand } from "../client/wire";
import { type Suggestion, suggestions } from "./slash";

export class Completion {
  commands: SlashCommand[] = [];
  #found: Suggestion[] = [];
  #active = 0;
  readonly #choose: (text: string) => void;

  /** `choose` is told what the editor shall hold. */
  constructor(choose: (text: string) => void) {
    this.#choose = choose;
  }

  get open(): boolean {
    return this.#found.length > 0;
  }

  /** The id of the option the editor points at. */
  get activeId(): string {
    return `command-${this.#active}`;
  }

  /** Look for what may follow a text. */
  look(typed: string): void {
    this.#found = suggestions(typed, this.commands);
    this.#active = 0;
  }

  close(): void {
    this.#found = [];
  }

  /** Whether the key was for the list; `typed` is what the editor holds. */
  key(name: string, typed: string): boolean {
    if (!this.open) return false;
    const count = this.#found.length;
    switch (name) {
      case "ArrowDown":
        this.#active = (this.#active + 1) % count;
        return true;
      case "ArrowUp":
        this.#active = (this.#active + count - 1) % count;
        return true;
      case "Escape":
        this.close();
        return true;
      case "Tab":
      case "Enter":
        return this.#take(name, typed);
      default:
        return false;
    }
  }

  template(): TemplateResult | typeof nothing {
    if (!this.open) return nothing;
    return html`<ul class="suggestions" id="commands" role="listbox" aria-label="Commands">
      ${this.#found.map(
        (suggestion, index) => html`<li
          id=${`command-${index}`} role="option" aria-selected=${index === this.#active}
          @pointerdown=${(event: Event) => this.#point(event, suggestion)}
        ><b>${suggestion.label}</b><span>${suggestion.description}</span></li>`,
      )}
    </ul>`;
  }

  #take(name: string, typed: string): boolean {
    const chosen = this.#found[this.#active];
    // What is typed in full is sent by Enter, not completed once more.
    if (chosen === undefined || (name === "Enter" && chosen.text.trim() === typed.trim())) return false;
    this.#choose(chosen.text);
    return true;
  }

  #point(event: Event, suggestion: Suggestion): void {
    // The editor keeps the focus.
    event.preventDefault();
    this.#choose(suggestion.text);
  }
}
