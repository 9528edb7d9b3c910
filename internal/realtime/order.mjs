// The order of deliveries: as the database has committed what they tell of, whichever isolate was faster.
//
// Each commit takes a number (seq), and each number comes here at least once, with messages or without. What comes early waits for the numbers
// before it; a number that never comes, since its isolate has died, is given up after a second.

const PATIENCE_MILLISECONDS = 1000;

export class Order {
  #next = 0; // the lowest number that has not come; 0 while that is not known
  #early = new Map(); // by number: what waits for those before it
  #came = new Set(); // numbers from #next on that have come
  #timer = 0;
  #deliver;

  /** @param {(delivery: object) => void} deliver */
  constructor(deliver) {
    this.#deliver = deliver;
  }

  /** The lowest number that has not come, to begin with after a sleep; 0 if that is not known. */
  get next() {
    return this.#next;
  }

  /** Tells the lowest number that has not come, where that is not known. */
  begin(next) {
    if (this.#next === 0) this.#next = next;
  }

  /** Begins anew: the database numbers its commits otherwise. */
  reset() {
    for (const number of [...this.#early.keys()].sort((a, b) => a - b)) this.#early.get(number).deliveries.forEach(this.#deliver);
    this.#early.clear();
    this.#came.clear();
    this.#next = 0;
    this.#arm();
  }

  /**
   * @param {number[]} numbers of commits, ascending: what is delivered tells of the last one, and nothing of those before it. None for what has
   *   no place in the order.
   * @param {object} delivery what is given to `deliver` in its turn
   */
  add(numbers, delivery) {
    if (numbers.length === 0) return this.#deliver(delivery);
    if (this.#next === 0) this.#next = numbers[0];
    numbers.slice(0, -1).forEach((number) => this.#pass(number));
    const number = numbers.at(-1);
    const waiting = this.#early.get(number);
    if (waiting) waiting.deliveries.push(delivery);
    else this.#early.set(number, { deliveries: [delivery], since: Date.now() });
    this.#release();
  }

  #pass(number) {
    if (number >= this.#next) this.#came.add(number);
    while (this.#came.delete(this.#next)) this.#next++;
  }

  #release() {
    while (this.#early.size > 0) {
      const first = Math.min(...this.#early.keys());
      if (first > this.#next) break;
      const { deliveries } = this.#early.get(first);
      this.#early.delete(first);
      deliveries.forEach(this.#deliver);
      this.#pass(first);
    }
    this.#arm();
  }

  #arm() {
    clearTimeout(this.#timer);
    if (this.#early.size === 0) return;
    const oldest = Math.min(...Array.from(this.#early.values(), ({ since }) => since));
    this.#timer = setTimeout(() => this.#giveUp(), Math.max(0, oldest + PATIENCE_MILLISECONDS - Date.now()));
  }

  #giveUp() {
    const first = Math.min(...this.#early.keys());
    for (const number of this.#came) if (number < first) this.#came.delete(number);
    this.#next = first;
    this.#release();
  }
}
