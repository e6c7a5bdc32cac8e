/** What was typed and not sent yet, by conversation: kept over views and reloads, for as long as the tab lives. */

const PREFIX = "draft ";

export function draftOf(sessionKey: string): string {
  return sessionStorage.getItem(PREFIX + sessionKey) ?? "";
}

export function keepDraft(sessionKey: string, text: string): void {
  try {
    if (text === "") sessionStorage.removeItem(PREFIX + sessionKey);
    else sessionStorage.setItem(PREFIX + sessionKey, text);
  } catch {
    // The browser's room is full; the text stays in its field.
  }
}
