// What travels between the canvas page and its frames, and what people do there.

/** One message of A2UI; it was checked before it came here. */
export type Message = Record<string, unknown>;

/** What somebody did on a surface, in the same form for both versions. */
export interface UserAction {
  name: string;
  surfaceId: string;
  sourceComponentId: string;
  timestamp: string;
  context: Record<string, unknown>;
}

/** To a frame. `round` comes back with the answer. */
export type ToFrame =
  | { type: "apply"; round: number; messages: Message[] }
  | { type: "reset"; round: number };

/** From a frame. */
export type FromFrame =
  | { type: "done"; round: number; errors: string[] }
  | { type: "action"; action: UserAction };
