/** One field of the settings form. */

import { html, nothing, type TemplateResult } from "lit";
import { help } from "../app/parts";
import { type Field, type FieldKind, type SecretSource, secretSource, shownText } from "./fields";

export interface FieldState {
  /** What the file sets; undefined where the default holds. */
  set: unknown;
  /** What the gateway runs with. */
  runs: unknown;
  /** What was chosen here and not saved; undefined when nothing was. */
  changed: unknown;
  isChanged: boolean;
  /** What was typed and could not be understood. */
  unreadable: string | undefined;
  fault: string;
}

type Change = (value: unknown) => void;

/** What every kind of input is made from. */
interface Slot {
  field: Field;
  id: string;
  described: string | typeof nothing;
  invalid: "true" | typeof nothing;
  value: unknown;
  text: string;
  runs: string;
  takeText(event: Event): void;
  change: Change;
}

export function fieldTemplate(
  field: Field,
  state: FieldState,
  typed: (text: string) => void,
  change: Change,
): TemplateResult {
  const id = `setting-${field.path}`;
  const notes = [field.help === "" ? "" : `${id}-help`, state.fault === "" ? "" : `${id}-fault`].filter(
    Boolean,
  );
  const value = state.isChanged ? state.changed : state.set;
  const input = INPUTS[field.kind]({
    field,
    id,
    value,
    change,
    described: notes.join(" ") || nothing,
    invalid: state.fault === "" ? nothing : "true",
    text: state.unreadable ?? shownText(field, value),
    runs: shownText(field, state.runs),
    takeText: (event) => typed((event.target as HTMLInputElement).value),
  });
  return html`<div class="setting" ?data-changed=${state.isChanged}>
    <label for=${id}>${field.label} <code>${field.path}</code></label>
    ${input}
    ${field.help === "" ? nothing : html`<p class="small" id=${`${id}-help`}>${help(field.help)}</p>`}
    ${state.fault === "" ? nothing : html`<p class="problem" id=${`${id}-fault`} role="alert">${state.fault}</p>`}
  </div>`;
}

const INPUTS: Record<FieldKind, (slot: Slot) => TemplateResult> = {
  switch: switchInput,
  choice: choiceInput,
  secret: secretInput,
  lines: (slot) => areaInput(slot, 3, slot.runs || "one per line"),
  json: (slot) => areaInput(slot, 6, slot.runs || "JSON"),
  number: (slot) => lineInput(slot, "number"),
  text: (slot) => lineInput(slot, "text"),
};

function switchInput({ id, described, value, runs, change }: Slot): TemplateResult {
  return html`<select id=${id} aria-describedby=${described} @change=${(event: Event) => change(switched(event))}>
    ${option("", `default (${runs === "true" ? "on" : "off"})`, value === undefined || value === null)}
    ${option("true", "on", value === true)}${option("false", "off", value === false)}
  </select>`;
}

function choiceInput({ field, id, described, value, runs, takeText }: Slot): TemplateResult {
  return html`<select id=${id} aria-describedby=${described} @change=${takeText}>
    ${option("", `default${runs === "" ? "" : ` (${runs})`}`, value === undefined || value === null)}
    ${field.choices.map((choice) => option(choice, choice, choice === value))}
  </select>`;
}

function areaInput(
  { id, described, invalid, text, takeText }: Slot,
  rows: number,
  placeholder: string,
): TemplateResult {
  return html`<textarea id=${id} rows=${rows} spellcheck="false" aria-invalid=${invalid} aria-describedby=${described}
    placeholder=${placeholder} .value=${text} @change=${takeText}></textarea>`;
}

function lineInput({ id, described, invalid, text, runs, takeText }: Slot, type: string): TemplateResult {
  return html`<input id=${id} type=${type} step="any" spellcheck="false" aria-invalid=${invalid}
    aria-describedby=${described} placeholder=${runs} .value=${text} @change=${takeText}>`;
}

function option(value: string, text: string, selected: boolean): TemplateResult {
  return html`<option value=${value} .selected=${selected}>${text}</option>`;
}

function switched(event: Event): boolean | null {
  const { value } = event.target as HTMLSelectElement;
  return value === "" ? null : value === "true";
}

const SOURCES: [SecretSource["from"], string][] = [
  ["unset", "not set"],
  ["env", "an environment variable"],
  ["file", "a file in the gateway's home"],
];

/** Where the secret comes from. What it is never reaches this page, and is not typed into it. */
function secretInput({ id, described, value, change }: Slot): TemplateResult {
  const source = secretSource(value);
  const name = "name" in source ? source.name : "";
  const choose = (event: Event) => {
    const from = (event.target as HTMLSelectElement).value;
    change(from === "unset" ? null : { [from]: name });
  };
  const rename = (event: Event) => change({ [source.from]: (event.target as HTMLInputElement).value.trim() });
  const named = source.from === "env" || source.from === "file";
  return html`<div class="secret">
    <select id=${id} aria-describedby=${described} @change=${choose}>
      ${source.from === "literal" ? option("literal", "written in the file, not shown", true) : nothing}
      ${SOURCES.map(([from, text]) => option(from, text, from === source.from))}
    </select>
    ${
      named
        ? html`<input aria-label=${source.from === "env" ? "Name of the variable" : "Path of the file"} spellcheck="false"
      placeholder=${source.from === "env" ? "MY_SECRET" : "keys/name"} .value=${name} @change=${rename}>`
        : nothing
    }
  </div>`;
}
