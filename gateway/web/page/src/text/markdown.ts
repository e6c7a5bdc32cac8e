/**
 * Markdown of strangers as safe elements.
 *
 * Three walls: the parser lets no HTML through and knows few schemes, the sanitiser keeps a short list of elements
 * and attributes, and the page's Content-Security-Policy runs no script and loads nothing from elsewhere.
 */

import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";

const SAFE_LINK = /^(?:https?|mailto):/i;

const TAGS = [
  ...["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code"],
  ...["em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td"],
];

const ATTRIBUTES = ["href", "rel", "target", "title", "start"];

const parser = new MarkdownIt({ html: false, linkify: true, breaks: true });

parser.validateLink = (url) => SAFE_LINK.test(url.trim());

// A link leaves this page without telling where it came from, and in a tab of its own.
parser.renderer.rules.link_open = (tokens, index, options, _env, self) => {
  tokens[index]?.attrSet("target", "_blank");
  tokens[index]?.attrSet("rel", "noopener noreferrer nofollow");
  return self.renderToken(tokens, index, options);
};

// A picture would be fetched from wherever the text says, which tells that somebody read it; a person may choose to.
parser.renderer.rules.image = (tokens, index) => {
  const token = tokens[index];
  const address = String(token?.attrGet("src") ?? "");
  const text = escaped(token?.content || address);
  return `<a href="${escaped(address)}" target="_blank" rel="noopener noreferrer nofollow">${text}</a>`;
};

/** The text as elements that run nothing and load nothing. */
export function renderMarkdown(text: string): DocumentFragment {
  return DOMPurify.sanitize(parser.render(text), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: SAFE_LINK,
    // The others are no addresses, and would be held against that pattern, too.
    ADD_URI_SAFE_ATTR: ATTRIBUTES.filter((name) => name !== "href"),
    RETURN_DOM_FRAGMENT: true,
  });
}

function escaped(text: string): string {
  return parser.utils.escapeHtml(text);
}

/** `<homarus-markdown .text=…>`: one piece of markdown. */
export class MarkdownText extends HTMLElement {
  #text = "";

  set text(text: string) {
    if (text === this.#text) return;
    this.#text = text;
    this.replaceChildren(renderMarkdown(text));
  }

  get text(): string {
    return this.#text;
  }
}

customElements.define("homarus-markdown", MarkdownText);
