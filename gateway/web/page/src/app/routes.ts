/** Which view an address means: `#/devices`, `#/chat/agent%3Amain%3Amain`. */

import type { MethodName } from "../client/frames";
import type { IconName } from "./icons";

export interface Place {
  view: ViewName;
  /** What follows the view's name, decoded. */
  rest: string;
}

export interface ViewEntry {
  name: ViewName;
  title: string;
  icon: IconName;
  /** The view is offered when the gateway has all of these. */
  needs: MethodName[];
}

/**
 * In the order of the navigation; the first four are at hand on a phone.
 *
 * A view is one line here, one loader in page.ts and a folder of its own. It is offered once the gateway has the
 * methods it needs, so that a page and a gateway of different ages fit together.
 */
export const VIEWS = [
  { name: "chat", title: "Chat", icon: "chat", needs: ["chat.send", "chat.history"] },
  { name: "inbox", title: "Inbox", icon: "inbox", needs: ["inbox.list"] },
  {
    name: "approvals",
    title: "Approvals",
    icon: "approvals",
    needs: ["exec.approval.list", "approval.resolve"],
  },
  { name: "devices", title: "Devices", icon: "devices", needs: ["device.pair.list"] },
  { name: "activity", title: "Activity", icon: "activity", needs: ["logs.tail"] },
  { name: "health", title: "Health", icon: "health", needs: ["health", "status"] },
  {
    name: "settings",
    title: "Settings",
    icon: "settings",
    needs: ["config.get", "config.schema", "config.patch"],
  },
] as const satisfies readonly (Omit<ViewEntry, "name"> & { name: string })[];

export type ViewName = (typeof VIEWS)[number]["name"];

export function placeOf(hash: string): Place {
  const [name = "", ...rest] = hash.replace(/^#\/?/, "").split("/");
  const known = VIEWS.find((view) => view.name === name);
  return { view: known?.name ?? "chat", rest: known === undefined ? "" : decoded(rest.join("/")) };
}

export function addressOf(view: ViewName, rest = ""): string {
  return rest === "" ? `#/${view}` : `#/${view}/${encodeURIComponent(rest)}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
