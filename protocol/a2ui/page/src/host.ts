// The page around the frames. Whoever shows it draws through `openclawA2UI`, and hears of actions through the
// bridge it provides. Source: the A2UI host page of OpenClaw 2026.7.1.
import type { FromFrame, Message, ToFrame, UserAction } from "./messages";

type Version = "v0_8" | "v0_9";

interface Bridge {
  postMessage(text: string): void;
}

declare global {
  var openclawA2UI: Host;
  var openclawCanvasA2UIAction: Bridge | undefined;
  var webkit: { messageHandlers?: { openclawCanvasA2UIAction?: Bridge } } | undefined;
  var openclawSendUserAction: (action: Partial<UserAction> & { name: string }) => boolean;
}

const STATUS_MS = 4000;

class Frame {
  readonly element = document.createElement("iframe");
  readonly surfaces = new Set<string>();
  #port: Promise<MessagePort>;
  #round = 0;
  #waiting = new Map<number, (errors: string[]) => void>();

  constructor(version: Version, heard: (action: UserAction) => void) {
    this.element.title = `Interface drawn by the agent (A2UI ${version.replace("_", ".")})`;
    this.element.setAttribute("sandbox", "allow-scripts");
    this.element.src = `${version}.html`;
    this.#port = new Promise((resolve) => {
      this.element.addEventListener("load", () => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = (event: MessageEvent<FromFrame>) => {
          const said = event.data;
          if (said.type === "action") {
            heard(said.action);
          } else {
            this.#waiting.get(said.round)?.(said.errors);
            this.#waiting.delete(said.round);
          }
        };
        // It has no origin that could be named.
        this.element.contentWindow?.postMessage("port", "*", [port2]);
        resolve(port1);
      });
    });
    document.querySelector("main")?.append(this.element);
  }

  async apply(messages: Message[]): Promise<string[]> {
    return await this.#ask((round) => ({ type: "apply", round, messages }));
  }

  async reset(): Promise<string[]> {
    this.surfaces.clear();
    return await this.#ask((round) => ({ type: "reset", round }));
  }

  async #ask(make: (round: number) => ToFrame): Promise<string[]> {
    const round = ++this.#round;
    const answered = new Promise<string[]>((resolve) => this.#waiting.set(round, resolve));
    (await this.#port).postMessage(make(round));
    return await answered;
  }
}

class Host {
  #frames = new Map<Version, Frame>();
  #drawing: Promise<string[]> = Promise.resolve([]);
  #hide = 0;

  constructor() {
    addEventListener("openclaw:a2ui-action-status", (event) => {
      const { ok, error } = (event as CustomEvent<{ ok: boolean; error?: string }>).detail;
      this.#say(ok ? "Sent" : `Not sent: ${error || "try again"}`, !ok);
    });
  }

  /** Draws messages that were checked before; the answer names the surfaces that are then shown. */
  applyMessages(messages: Message[]): { ok: boolean; surfaces: string[] } {
    const parts = new Map<Version, Message[]>();
    for (const message of messages) {
      const version: Version = message.version === undefined ? "v0_8" : "v0_9";
      parts.set(version, [...(parts.get(version) ?? []), message]);
    }
    for (const [version, part] of parts) {
      const frame = this.#frame(version);
      for (const message of part) {
        track(frame.surfaces, message);
      }
      this.#after(frame.apply(part));
    }
    this.#arrange();
    return { ok: true, surfaces: this.getSurfaces() };
  }

  /** Takes every surface away. */
  reset(): { ok: boolean } {
    for (const frame of this.#frames.values()) {
      this.#after(frame.reset());
    }
    this.#arrange();
    return { ok: true };
  }

  /** Ids of the surfaces that are shown. */
  getSurfaces(): string[] {
    return [...this.#frames.values()].flatMap((frame) => [...frame.surfaces]);
  }

  /** Resolves when everything asked for so far is drawn, with what the renderers could not draw. */
  async settled(): Promise<string[]> {
    const errors = await this.#drawing;
    this.#drawing = Promise.resolve([]);
    return errors;
  }

  #after(drawn: Promise<string[]>): void {
    const before = this.#drawing;
    this.#drawing = Promise.all([before, drawn]).then((all) => all.flat());
  }

  #frame(version: Version): Frame {
    let frame = this.#frames.get(version);
    if (frame === undefined) {
      frame = new Frame(version, (action) => this.#act(action));
      this.#frames.set(version, frame);
    }
    return frame;
  }

  #arrange(): void {
    const shown = this.getSurfaces().length > 0;
    document.querySelector("#empty")?.toggleAttribute("hidden", shown);
    for (const frame of this.#frames.values()) {
      frame.element.hidden = frame.surfaces.size === 0;
    }
  }

  #act(action: UserAction): void {
    if (send(action)) {
      this.#say("Sending …", false);
    } else {
      this.#say("Not sent: nobody listens on this device", true);
    }
  }

  #say(text: string, failed: boolean): void {
    const status = document.querySelector<HTMLElement>("#status");
    if (status === null) {
      return;
    }
    status.textContent = text;
    status.classList.toggle("failed", failed);
    status.hidden = false;
    clearTimeout(this.#hide);
    this.#hide = setTimeout(() => {
      status.hidden = true;
    }, STATUS_MS);
  }
}

function track(surfaces: Set<string>, message: Message): void {
  for (const [action, body] of Object.entries(message)) {
    const id = (body as { surfaceId?: unknown } | null)?.surfaceId;
    if (typeof id !== "string") {
      continue;
    }
    if (action === "deleteSurface") {
      surfaces.delete(id);
    } else {
      surfaces.add(id);
    }
  }
}

/** Hands an action to whatever shows this page; false when nothing listens. */
function send(action: Partial<UserAction> & { name: string }): boolean {
  const userAction = { id: crypto.randomUUID(), timestamp: new Date().toISOString(), context: {}, ...action };
  const text = JSON.stringify({ userAction });
  const bridge =
    globalThis.webkit?.messageHandlers?.openclawCanvasA2UIAction ?? globalThis.openclawCanvasA2UIAction;
  bridge?.postMessage(text);
  return bridge !== undefined;
}

globalThis.openclawA2UI = new Host();
globalThis.openclawSendUserAction = send;
