/** What all views have in common: they follow the connection, and show what went wrong. */

import { LitElement, type PropertyDeclarations, type TemplateResult } from "lit";
import { Disconnected, explain } from "../client/frames";
import type { App } from "./app";

export abstract class View extends LitElement {
  static override properties: PropertyDeclarations = { app: { attribute: false } };

  app!: App;
  /** What went wrong last, for `problem()`. */
  protected trouble = "";
  readonly #endings: (() => void)[] = [];

  // The page is one document with one style sheet: ids, labels and headings work across its parts.
  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(this.app.gateway.watch(() => this.requestUpdate()));
    this.attached();
    this.follow(this.app.gateway.onReady((resumed) => this.connected(resumed)));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#endings.splice(0)) end();
  }

  /** Subscribe to events here, through `follow`. */
  protected attached(): void {}

  /** Read what the view shows; `resumed` says that it is still right. */
  protected connected(_resumed: boolean): void {}

  /** Call `end` when the view goes away. */
  protected follow(end: () => void): void {
    this.#endings.push(end);
  }

  /** Do something that may be refused; true when it was done. */
  protected async attempt(work: () => Promise<unknown>): Promise<boolean> {
    const began = this.app.gateway.state.phase;
    try {
      await work();
      this.trouble = "";
      return true;
    } catch (error) {
      // A connection that was lost meanwhile is said once, above every view.
      this.trouble = error instanceof Disconnected && began === "ready" ? "" : explain(error);
      return false;
    } finally {
      this.requestUpdate();
    }
  }

  abstract override render(): TemplateResult;
}
