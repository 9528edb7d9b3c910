/** Turns what a program writes to one of its outputs into lines, whatever the sizes of the writes. */
export class LineWriter {
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #emit;
  #partial = "";

  /** @param {(line: string) => void} emit gets each line without its newline */
  constructor(emit) {
    this.#emit = emit;
  }

  /** @param {Uint8Array} bytes may end in the middle of a line, or of a character */
  write(bytes) {
    this.#push(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Emits an unfinished line. */
  flush() {
    this.#push(this.#decoder.decode());
    if (this.#partial === "") return;
    const line = this.#partial;
    this.#partial = "";
    this.#emit(line);
  }

  #push(text) {
    let start = 0;
    // Only the new text is searched: a long line in small writes would be searched over and over otherwise.
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const line = this.#partial + text.slice(start, end);
      this.#partial = "";
      start = end + 1;
      this.#emit(line);
    }
    this.#partial += text.slice(start);
  }
}
