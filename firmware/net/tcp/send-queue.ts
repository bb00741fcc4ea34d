/**
 * Octets written and not yet acknowledged, as a list of chunks: an idle connection holds none. A short write shares the chunk of the one
 * before it, so that many small messages do not become many small chunks.
 */

/** Room of a chunk that is begun behind an unacknowledged one. */
const CHUNK = 1024;

export class SendQueue {
  readonly #chunks: Uint8Array[] = [];
  /** Octets of the first chunk that are acknowledged. */
  #head = 0;
  /** Octets of the last chunk that are in use. */
  #tail = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies `octets` to the end. */
  append(octets: Uint8Array): void {
    let at = 0;
    const last = this.#chunks.at(-1);
    if (last !== undefined) {
      at = Math.min(last.length - this.#tail, octets.length);
      last.set(octets.subarray(0, at), this.#tail);
      this.#tail += at;
    }
    const rest = octets.length - at;
    if (rest > 0) {
      const chunk = new Uint8Array(last === undefined ? rest : Math.max(rest, CHUNK));
      chunk.set(at === 0 ? octets : octets.subarray(at));
      this.#chunks.push(chunk);
      this.#tail = rest;
    }
    this.#length += octets.length;
  }

  /** Forgets the first `count` octets. */
  drop(count: number): void {
    this.#length -= count;
    let head = this.#head + count;
    while (this.#chunks.length > 1 && head >= this.#chunks[0]!.length) head -= this.#chunks.shift()!.length;
    if (this.#length === 0) {
      this.#chunks.length = 0;
      head = 0;
    }
    this.#head = head;
  }

  /** Copies `count` octets that begin `from` octets behind the front. */
  copy(from: number, count: number, into: Uint8Array, offset: number): void {
    let at = from + this.#head;
    let index = 0;
    while (at >= this.#chunks[index]!.length) at -= this.#chunks[index++]!.length;
    let copied = 0;
    while (copied < count) {
      const chunk = this.#chunks[index++]!;
      const piece = Math.min(chunk.length - at, count - copied);
      into.set(chunk.subarray(at, at + piece), offset + copied);
      copied += piece;
      at = 0;
    }
  }
}
