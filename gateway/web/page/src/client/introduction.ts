/** How this page introduces itself. */

import type { ConnectAuth, ConnectParams } from "./wire";

const PROTOCOL = 4;

export const SCOPES = [
  "operator.admin",
  "operator.read",
  "operator.write",
  "operator.approvals",
  "operator.questions",
  "operator.pairing",
];

/** Where to continue: a life of the gateway, and the last event that was seen of it. */
export interface Resumption {
  epoch: string;
  cursor: number;
}

export function connectParams(auth: ConnectAuth, resume: Resumption | undefined): ConnectParams {
  return {
    minProtocol: PROTOCOL,
    maxProtocol: PROTOCOL,
    client: {
      id: "homarus-web",
      mode: "webchat",
      version: "1",
      // Stable words: a changed platform would make the gateway ask for another approval.
      platform: "web",
      deviceFamily: "Browser",
      displayName: browserName(navigator.userAgent),
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    },
    role: "operator",
    scopes: SCOPES,
    caps: ["event-resume", "tool-events"],
    auth,
    locale: navigator.language,
    ...(resume === undefined ? {} : { resume }),
  };
}

/** `Firefox on Android`, for the list of devices. */
export function browserName(userAgent: string): string {
  const browser = firstMatch(userAgent, [
    [/Edg\//, "Edge"],
    [/OPR\//, "Opera"],
    [/Firefox\//, "Firefox"],
    [/Chrom(e|ium)\//, "Chrome"],
    [/Safari\//, "Safari"],
  ]);
  const system = firstMatch(userAgent, [
    [/Android/, "Android"],
    [/iPhone|iPad/, "iOS"],
    [/Windows/, "Windows"],
    [/Mac OS X/, "macOS"],
    [/Linux/, "Linux"],
  ]);
  return `${browser ?? "Browser"} on ${system ?? "an unknown system"}`;
}

function firstMatch(text: string, names: [RegExp, string][]): string | undefined {
  return names.find(([pattern]) => pattern.test(text))?.[1];
}
