/** Settings: a form made from the configuration's schema. */

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { App } from "../app/app";
import { frame, help, problem } from "../app/parts";
import { addressOf } from "../app/routes";
import { View } from "../app/view";
import { explain, isRecord, RpcError } from "../client/frames";
import type { ConfigSchemaDocument, ConfigSnapshot } from "../client/wire";
import { type Field, fieldFor, type Group, groupsOf, patchOf, typedValue, valueAt } from "./fields";
import { type FieldState, fieldTemplate } from "./inputs";

export class SettingsView extends View {
  static override properties = { ...View.properties, section: { attribute: false } };

  section = "";
  #schema: ConfigSchemaDocument | undefined;
  #config: ConfigSnapshot | undefined;
  #changes = new Map<string, unknown>();
  #faults = new Map<string, string>();
  /** What was typed and stands for no value, as it was typed. */
  #unreadable = new Map<string, string>();
  #outdated = false;
  #saving = false;

  override render(): TemplateResult {
    const intro = "What the gateway runs with. Empty fields keep their default. Comments in the file stay.";
    if (this.#schema === undefined || this.#config === undefined)
      return frame("Settings", intro, problem(this.trouble));
    const sections = this.#sections();
    const current = sections.find(([name]) => name === this.section)?.[0] ?? sections[0]?.[0] ?? "";
    const groups = groupsOf(current, this.#sectionSchema(current), this.#schema.uiHints);
    return frame(
      "Settings",
      intro,
      html`${this.#state(this.#config)}
        <div class="settings">
          <nav aria-label="Sections"><ul>
            ${sections.map(([name, title]) => html`<li><a href=${addressOf("settings", name)} aria-current=${name === current ? "page" : nothing}>${title}</a></li>`)}
          </ul></nav>
          <form @submit=${this.#submit} @keydown=${onEnter} novalidate>
            ${groups.map((group) => this.#group(group, current))}
            ${problem(this.trouble)}
            ${this.#bar()}
          </form>
        </div>`,
    );
  }

  protected override attached(): void {
    this.follow(
      this.app.gateway.on("config.changed", (event) => {
        if (event.hash !== this.#config?.hash && !this.#saving) void this.#refresh();
      }),
    );
  }

  protected override connected(): void {
    void this.#refresh();
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("section") && changed.get("section") !== undefined)
      this.querySelector("h1")?.scrollIntoView();
  }

  #sections(): [string, string][] {
    const properties = this.#schema?.schema.properties;
    if (!isRecord(properties)) return [];
    return Object.entries(properties).map(([name, schema]) => [
      name,
      isRecord(schema) ? String(schema.title ?? name) : name,
    ]);
  }

  #sectionSchema(name: string): Record<string, unknown> {
    const properties = this.#schema?.schema.properties;
    const schema = isRecord(properties) ? properties[name] : undefined;
    return isRecord(schema) ? schema : {};
  }

  #state(config: ConfigSnapshot): TemplateResult {
    const faults = config.valid ? [] : config.issues;
    return html`<p class="small">${config.path}</p>
      ${
        faults.length === 0
          ? nothing
          : html`<div class="warning" role="alert"><p>The file has faults; older settings stay in force until it is mended:</p>
        <ul class="lines">${faults.map((fault) => html`<li>${fault.path}: ${fault.message}</li>`)}</ul></div>`
      }
      ${config.pendingRestart.length === 0 ? nothing : html`<p class="warning">Waits for a restart of the gateway: ${config.pendingRestart.join(", ")}</p>`}`;
  }

  #group(group: Group, section: string): TemplateResult {
    return html`<fieldset>
      <legend>${group.label}${group.path === section ? nothing : html` <code>${group.path}</code>`}</legend>
      ${group.help === "" ? nothing : html`<p class="small">${help(group.help)}</p>`}
      ${group.fields.map((field) => this.#field(field))}
    </fieldset>`;
  }

  #field(field: Field): TemplateResult {
    const { path } = field;
    const state: FieldState = {
      set: valueAt(this.#config?.parsed ?? {}, path),
      runs: valueAt(this.#config?.runtimeConfig ?? {}, path),
      changed: this.#changes.get(path),
      isChanged: this.#changes.has(path),
      unreadable: this.#unreadable.get(path),
      fault: this.#faults.get(path) ?? "",
    };
    return fieldTemplate(
      field,
      state,
      (text) => this.#typed(field, text),
      (value) => this.#change(path, value),
    );
  }

  #bar(): TemplateResult | typeof nothing {
    const count = this.#changes.size;
    if (count === 0 && !this.#outdated) return nothing;
    return html`<div class="save-bar">
      ${this.#outdated ? html`<p>The file was changed elsewhere meanwhile.</p><button type="button" @click=${this.#reload}>Load it</button>` : html`<p>${count === 1 ? "One change" : `${count} changes`} not saved</p>`}
      <button type="button" @click=${this.#discard}>Discard</button>
      <button class="primary" ?disabled=${this.#saving || this.#faults.size > 0 || this.#outdated}>Save</button>
    </div>`;
  }

  #typed(field: Field, text: string): void {
    try {
      this.#change(field.path, typedValue(field, text));
    } catch (error) {
      this.#faults.set(field.path, explain(error));
      this.#unreadable.set(field.path, text);
      this.#changes.set(field.path, undefined);
      this.requestUpdate();
    }
  }

  #change(path: string, value: unknown): void {
    const set = valueAt(this.#config?.parsed ?? {}, path) ?? null;
    this.#faults.delete(path);
    this.#unreadable.delete(path);
    if (JSON.stringify(set) === JSON.stringify(value)) this.#changes.delete(path);
    else this.#changes.set(path, value);
    this.requestUpdate();
  }

  async #refresh(): Promise<void> {
    const { gateway } = this.app;
    await this.attempt(async () => {
      this.#schema ??= await gateway.call("config.schema", {});
      const config = await gateway.call("config.get", {});
      const moved = this.#config !== undefined && this.#config.hash !== config.hash;
      // What was typed belongs to what was read then; both are kept until the person decides.
      if (moved && this.#changes.size > 0) this.#outdated = true;
      else this.#config = config;
    });
  }

  #submit(event: Event): void {
    event.preventDefault();
    void this.#save();
  }

  async #save(): Promise<void> {
    if (this.#changes.size === 0 || this.#config === undefined || this.#saving) return;
    this.#saving = true;
    this.trouble = "";
    const arrays = [...this.#changes].filter(([path]) =>
      Array.isArray(valueAt(this.#config?.parsed ?? {}, path)),
    );
    try {
      const written = await this.app.gateway.call("config.patch", {
        raw: JSON.stringify(patchOf(this.#changes)),
        baseHash: this.#config.exists ? this.#config.hash : null,
        // A list is shown whole here, so what is missing from it is meant to go.
        replacePaths: arrays.map(([path]) => path),
      });
      this.#changes.clear();
      this.#config = await this.app.gateway.call("config.get", {});
      const waits = written.restartRequired.length > 0;
      this.app.say(waits ? "Saved. Restart the gateway for all of it to count." : "Saved, and in force");
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#saving = false;
      this.requestUpdate();
    }
  }

  #refused(error: unknown): void {
    if (error instanceof RpcError && error.reason === "CONFLICT") {
      this.#outdated = true;
      return;
    }
    const issues =
      error instanceof RpcError && Array.isArray(error.details.issues)
        ? error.details.issues.filter(isRecord)
        : [];
    const rest: string[] = [];
    for (const issue of issues) {
      const path = String(issue.path);
      const field = fieldFor(path, this.#changes.keys());
      if (field === undefined) rest.push(`${path}: ${issue.message}`);
      else this.#faults.set(field, String(issue.message));
    }
    this.trouble = issues.length === 0 ? explain(error) : rest.join("; ");
    this.requestUpdate();
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
  }

  #discard(): void {
    this.#changes.clear();
    this.#faults.clear();
    this.#unreadable.clear();
    this.trouble = "";
    this.requestUpdate();
    if (this.#outdated) this.#reload();
  }

  #reload(): void {
    this.#outdated = false;
    this.#changes.clear();
    this.#faults.clear();
    this.#unreadable.clear();
    void this.#refresh();
  }
}

/** Enter in a field ends the typing; saving is a button, so that nothing is saved by accident. */
function onEnter(event: KeyboardEvent): void {
  if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
  event.preventDefault();
  event.target.blur();
}

customElements.define("homarus-settings", SettingsView);

export function settingsView(app: App, rest: string): TemplateResult {
  return html`<homarus-settings .app=${app} .section=${rest}></homarus-settings>`;
}
