/** What a device is, asks for and can do, in words. */

import type { NodePairRequest, NodeRow, PairedDevice, PairRequest } from "../client/wire";
import { shortId } from "../text/amounts";

const SCOPES: Record<string, string> = {
  "operator.admin": "Everything, also settings and other devices",
  "operator.read": "Read conversations and state",
  "operator.write": "Send messages and use devices",
  "operator.approvals": "Decide on approvals",
  "operator.questions": "Answer questions of agents",
  "operator.pairing": "Let devices in",
  "operator.talk": "Speak with agents",
  "operator.talk.secrets": "Speak with agents, with the keys of speech services",
};

/** What scopes allow; the first one allows what all others do. */
export function scopeWords(scopes: readonly string[]): string[] {
  const counting = scopes.includes("operator.admin") ? ["operator.admin"] : scopes;
  return counting.map((scope) => SCOPES[scope] ?? scope);
}

const ROLES: Record<string, string> = {
  operator: "Control the gateway",
  node: "Be used by agents as a device",
};

export function roleWords(roles: readonly string[]): string[] {
  return roles.map((role) => ROLES[role] ?? role);
}

/** `Linux · homarus-web`: what a device says it is. */
export function kindOf(device: {
  platform?: string | null;
  deviceFamily?: string | null;
  clientId?: string | null;
}): string {
  return [device.deviceFamily ?? device.platform, device.clientId].filter(Boolean).join(" · ");
}

export function requestName(request: PairRequest | NodePairRequest): string {
  const id = "deviceId" in request ? request.deviceId : request.nodeId;
  return request.displayName || `Device ${shortId(id)}`;
}

/** One device of the list: paired as a device, known as a node, or both. */
export interface Entry {
  id: string;
  name: string;
  device: PairedDevice | undefined;
  node: NodeRow | undefined;
  connected: boolean;
  lastSeenMs: number | undefined;
}

/** Devices and nodes as one list: connected ones first, then those seen last. */
export function entries(devices: PairedDevice[], nodes: NodeRow[]): Entry[] {
  const found = new Map<string, Entry>();
  for (const device of devices) found.set(device.deviceId, entryOf(device.deviceId, device, undefined));
  for (const node of nodes)
    found.set(node.nodeId, entryOf(node.nodeId, found.get(node.nodeId)?.device, node));
  return [...found.values()].sort(
    (a, b) =>
      Number(b.connected) - Number(a.connected) ||
      (b.lastSeenMs ?? 0) - (a.lastSeenMs ?? 0) ||
      a.name.localeCompare(b.name),
  );
}

function entryOf(id: string, device: PairedDevice | undefined, node: NodeRow | undefined): Entry {
  const seen = Math.max(device?.lastSeenAtMs ?? 0, node?.lastSeenAtMs ?? 0, node?.connectedAtMs ?? 0);
  return {
    id,
    name: device?.operatorLabel || node?.displayName || device?.displayName || `Device ${shortId(id)}`,
    device,
    node,
    connected: (device?.connected ?? false) || (node?.connected ?? false),
    lastSeenMs: seen || undefined,
  };
}

/** `camera: snap, clip`: commands by what stands before their last dot. */
export function commandGroups(commands: readonly string[]): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const command of [...commands].sort()) {
    const at = command.lastIndexOf(".");
    const group = at === -1 ? command : command.slice(0, at);
    groups.set(group, [...(groups.get(group) ?? []), command.slice(at + 1)]);
  }
  return [...groups];
}
