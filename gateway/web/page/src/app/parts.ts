/** Pieces of which the views are made. */

import { html, nothing, type TemplateResult } from "lit";

type Content = TemplateResult | TemplateResult[] | string | typeof nothing;

/** A view: its title, one sentence about it, and what it shows. */
export function frame(
  title: string,
  intro: string,
  body: Content,
  actions: Content = nothing,
): TemplateResult {
  return html`<div class="view">
    <header class="view-head">
      <div><h1>${title}</h1><p class="small">${intro}</p></div>
      <div class="actions">${actions}</div>
    </header>
    ${body}
  </div>`;
}

/** A part of a view under a heading of its own; left out when there is nothing to show and nothing to say. */
export function section(title: string, items: TemplateResult[], empty = ""): TemplateResult | typeof nothing {
  if (items.length === 0 && empty === "") return nothing;
  return html`<section class="part" aria-label=${title}>
    <h2>${title}${items.length === 0 ? nothing : html` <span class="count">${items.length}</span>`}</h2>
    ${items.length === 0 ? html`<p class="empty">${empty}</p>` : html`<ul class="cards">${items}</ul>`}
  </section>`;
}

/** Named values, those that are there. */
export function facts(pairs: [string, Content | undefined | null][]): TemplateResult {
  const known = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return html`<dl class="facts">${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export function chips(words: readonly string[]): TemplateResult | typeof nothing {
  return words.length === 0
    ? nothing
    : html`<ul class="chips">${words.map((word) => html`<li>${word}</li>`)}</ul>`;
}

/** A help text, in which what stands between backticks is code. */
export function help(text: string): (string | TemplateResult)[] {
  return text.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
}

export function problem(text: string): TemplateResult | typeof nothing {
  return text === "" ? nothing : html`<p class="problem" role="alert">${text}</p>`;
}
