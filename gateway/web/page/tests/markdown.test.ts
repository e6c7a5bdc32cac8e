/** Markdown of strangers: what is shown, and what never becomes an element or a request (attack case 37). */

import { describe, expect, it } from "vitest";
import { renderMarkdown } from "../src/text/markdown";

function shown(text: string): HTMLElement {
  const box = document.createElement("div");
  box.append(renderMarkdown(text));
  return box;
}

describe("what people write", () => {
  it("is shown as they meant it", () => {
    const box = shown("# Hi\n\n**bold** and `code`\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |");
    expect(box.querySelector("h1")?.textContent).toBe("Hi");
    expect(box.querySelector("strong")?.textContent).toBe("bold");
    expect(box.querySelectorAll("li")).toHaveLength(2);
    expect(box.querySelectorAll("td")).toHaveLength(2);
  });

  it("opens links elsewhere without telling where they were", () => {
    const link = shown("see https://example.org/a?b=1").querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://example.org/a?b=1");
    expect(link?.getAttribute("rel")).toBe("noopener noreferrer nofollow");
    expect(link?.getAttribute("target")).toBe("_blank");
  });

  it("keeps single line breaks", () => {
    expect(shown("one\ntwo").querySelectorAll("br")).toHaveLength(1);
  });
});

const ATTACKS = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)><script>alert(1)</script></svg>",
  '<a href="javascript:alert(1)">x</a>',
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java\tscript:alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](data:text/html;base64,PHNjcmlwdD4=)",
  "[x](vbscript:msgbox)",
  "[x](file:///etc/passwd)",
  "![x](https://evil.example/pixel.png)",
  '![x](x"onerror="alert(1))',
  "[x]: javascript:alert(1)\n\n[x]",
  '<iframe src="https://evil.example"></iframe>',
  '<form action="https://evil.example"><input name="token"></form>',
  '<style>@import "https://evil.example/x.css"</style>',
  "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
  '<a id="main" name="getElementById">clobbered</a>',
  "```html\n<script>alert(1)</script>\n```",
  '"><img src=x onerror=alert(1)>',
];

describe("what attackers write", () => {
  it.each(ATTACKS)("stays text: %s", (text) => {
    const box = shown(text);
    expect(
      box.querySelectorAll("script, img, svg, iframe, form, input, style, math, [id], [name]"),
    ).toHaveLength(0);
    for (const element of box.querySelectorAll("*")) {
      for (const attribute of element.attributes) expect(attribute.name).not.toMatch(/^on|^style$|^src$/);
    }
    for (const link of box.querySelectorAll("a"))
      expect(link.getAttribute("href")).toMatch(/^(https?|mailto):/);
  });
});
