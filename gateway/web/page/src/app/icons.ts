/** Line drawings, 24 × 24. They repeat what a label says, so screen readers skip them. */

import { html, svg, type TemplateResult } from "lit";

const PATHS = {
  chat: svg`<path d="M4 5h16v11H9l-5 4z"/>`,
  inbox: svg`<path d="M4 13 6.5 5h11L20 13v6H4zM4 13h5a3 3 0 0 0 6 0h5"/>`,
  approvals: svg`<path d="M12 3 5 6v6c0 4 3 7 7 9 4-2 7-5 7-9V6z"/><path d="m9 12 2 2 4-4"/>`,
  devices: svg`<rect x="3" y="5" width="13" height="10" rx="1.5"/><path d="M2 19h11"/><rect x="16" y="10" width="5" height="10" rx="1"/>`,
  activity: svg`<path d="M3 12h4l3-7 4 14 3-7h4"/>`,
  health: svg`<path d="M12 20s-7.5-4.6-7.5-10A4.3 4.3 0 0 1 12 7.4 4.3 4.3 0 0 1 19.5 10c0 5.400-7.5 10-7.5 10z"/>`,
  settings: svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
  more: svg`<circle cx="5" cy="12" r="1"/><circle cx="12" cy="12" r="1"/><circle cx="19" cy="12" r="1"/>`,
  plus: svg`<path d="M12 5v14M5 12h14"/>`,
  search: svg`<circle cx="11" cy="11" r="6"/><path d="m20 20-4.500-4.500"/>`,
  send: svg`<path d="M12 19V5M6 11l6-6 6 6"/>`,
  stop: svg`<rect x="7" y="7" width="10" height="10" rx="1.5"/>`,
  attach: svg`<path d="m20 11-8 8a5 5 0 0 1-7-7l8-8a3.300 3.300 0 0 1 5 5l-8 8a1.600 1.600 0 0 1-2.500-2.500l7-7"/>`,
  close: svg`<path d="M6 6l12 12M18 6 6 18"/>`,
  list: svg`<path d="M4 6h16M4 12h16M4 18h10"/>`,
  check: svg`<path d="m5 12 5 5 9-10"/>`,
  archive: svg`<rect x="4" y="5" width="16" height="4"/><path d="M5.500 9v10h13V9M10 13h4"/>`,
  pencil: svg`<path d="m4 20 1-4L16 5l3 3L8 19z"/>`,
  chevron: svg`<path d="m9 6 6 6-6 6"/>`,
  tool: svg`<path d="M14 7a4 4 0 0 1 5.500-3L17 6.500 17.500 9l2 .5L22 7a4 4 0 0 1-5.500 5L8 20.500a2 2 0 0 1-3-3L13.500 9A4 4 0 0 1 14 7z"/>`,
  file: svg`<path d="M7 3h7l4 4v14H7zM14 3v4h4"/>`,
};

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${PATHS[name]}</svg>`;
}
