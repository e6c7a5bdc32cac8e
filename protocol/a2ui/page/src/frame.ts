// The side of a frame: it draws what its page tells it, and says what people do. It has no origin, no network
// beyond pictures and sound, and no other way out than this one port.
import type { FromFrame, Message, ToFrame, UserAction } from "./messages";

/** What draws one version of A2UI. */
export interface Renderer {
  /** Draws one message; throws when it cannot. */
  apply(message: Message): void;
  /** Takes everything away. */
  reset(): void;
  /** Resolves when what was applied is in the document. */
  drawn(): Promise<unknown>;
}

const FRAME_MS = 150;

/** Resolves when what is in the document is on the screen; of a frame nobody sees, after a moment. */
function painted(): Promise<unknown> {
  const seen = new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return Promise.race([seen, new Promise((done) => setTimeout(done, FRAME_MS))]);
}

/** Connects a renderer with the page around it. */
export function serve(make: (onAction: (action: UserAction) => void) => Renderer): void {
  let port: MessagePort | undefined;
  const tell = (said: FromFrame) => port?.postMessage(said);
  const renderer = make((action) => tell({ type: "action", action }));

  async function heard(asked: ToFrame): Promise<void> {
    const errors: string[] = [];
    if (asked.type === "reset") {
      renderer.reset();
    } else {
      for (const message of asked.messages) {
        try {
          renderer.apply(message);
        } catch (error) {
          errors.push(error instanceof Error ? error.message : String(error));
        }
      }
    }
    await renderer.drawn();
    await painted();
    tell({ type: "done", round: asked.round, errors });
  }

  let queue = Promise.resolve();
  addEventListener("message", (event) => {
    const given = event.ports[0];
    if (event.source !== parent || port !== undefined || given === undefined) {
      return;
    }
    port = given;
    port.onmessage = (told: MessageEvent<ToFrame>) => {
      queue = queue.then(() => heard(told.data));
    };
  });
  // A link would put another page in the place of the surface.
  addEventListener("click", (event) => {
    const link = event.composedPath().some((element) => element instanceof HTMLAnchorElement);
    if (link) {
      event.preventDefault();
    }
  });
}
