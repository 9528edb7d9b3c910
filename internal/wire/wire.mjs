// The packed form in which JavaScript and Go hand each other values; wire.go has the layout.

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to this length a loop over char codes beats a call of the encoder. */
const SHORT_STRING = 48;

/** Appends values to one growing buffer. */
export class Writer {
  #bytes;
  #view;
  #length = 0;

  /** @param {number} size bytes to reserve at first */
  constructor(size = 1024) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #reserve(n) {
    const needed = this.#length + n;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  u8(value) {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value) {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  f64(value) {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** Lone surrogates become U+FFFD. */
  string(value) {
    const chars = value.length;
    this.#reserve(4 + chars * 3); // UTF-16 to UTF-8 is three bytes a unit at most
    const start = this.#length + 4;
    let written = 0;
    if (chars <= SHORT_STRING) {
      while (written < chars) {
        const code = value.charCodeAt(written);
        if (code > 127) break;
        this.#bytes[start + written++] = code;
      }
    }
    if (written < chars) written = encoder.encodeInto(value, this.#bytes.subarray(start)).written;
    this.#view.setUint32(this.#length, written, true);
    this.#length = start + written;
  }

  /** @param {Uint8Array} value */
  bytes(value) {
    this.#reserve(4 + value.length);
    this.#view.setUint32(this.#length, value.length, true);
    this.#bytes.set(value, this.#length + 4);
    this.#length += 4 + value.length;
  }

  /** Bytes without their length, for the last field. @param {Uint8Array} value */
  raw(value) {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** @returns {Uint8Array} what was written so far; it shares the writer's memory */
  done() {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads a buffer from its start; a read past the end throws a RangeError. */
export class Reader {
  #bytes;
  #view;
  #position = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The number of bytes that are left. */
  get length() {
    return this.#bytes.length - this.#position;
  }

  u8() {
    return this.#view.getUint8(this.#position++);
  }

  u32() {
    const value = this.#view.getUint32(this.#position, true);
    this.#position += 4;
    return value;
  }

  f64() {
    const value = this.#view.getFloat64(this.#position, true);
    this.#position += 8;
    return value;
  }

  #take(n) {
    if (n > this.length) throw new RangeError(`wire: ${n} bytes asked for, ${this.length} left`);
    const start = this.#position;
    this.#position += n;
    return this.#bytes.subarray(start, this.#position);
  }

  /** Bytes that are not UTF-8 become U+FFFD. */
  string() {
    return decoder.decode(this.#take(this.u32()));
  }

  /** @returns {Uint8Array} a view on the buffer, valid as long as the buffer is */
  bytes() {
    return this.#take(this.u32());
  }

  /** @returns {Uint8Array} a view on all that is left */
  rest() {
    return this.#take(this.length);
  }
}
