/** How long to wait before the next attempt: 0.5 s, then 1.7 times longer each time up to 15 s, ±20 %. */

const FIRST_MS = 500;
const FACTOR = 1.7;
const LONGEST_MS = 15_000;
const JITTER = 0.2;

export class Backoff {
  #attempts = 0;
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  reset(): void {
    this.#attempts = 0;
  }

  nextMs(): number {
    const plain = Math.min(FIRST_MS * FACTOR ** this.#attempts, LONGEST_MS);
    this.#attempts += 1;
    return Math.round(plain * (1 - JITTER + 2 * JITTER * this.#random()));
  }
}
