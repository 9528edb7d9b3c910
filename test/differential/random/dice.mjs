/** Random choices that are the same for the same seed. */
export class Dice {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to 1 (mulberry32). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from 0 up to n. */
  below(n) {
    return Math.floor(this.next() * n);
  }

  oneIn(n) {
    return this.below(n) === 0;
  }

  pick(...of) {
    return of[this.below(of.length)];
  }

  /** Up to most of what make() gives. */
  some(most, make) {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  /** Calls one of the functions, as often as its weight says. @param {Array<[number, () => unknown]>} choices */
  choose(choices) {
    let n = this.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, make] of choices) {
      n -= weight;
      if (n < 0) return make();
    }
  }
}
