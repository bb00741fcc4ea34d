import type { Malformed } from '../../malformed.ts';
import { frameLength } from './message.ts';

/**
 * Cuts a TCP stream into frames. Nothing aligns frames to segments: several share one, and one spans several.
 * Holds octets only while a frame is incomplete; at rest it holds nothing.
 */
export class FrameStream {
  #partial: Uint8Array | null = null;
  #held = 0;

  /**
   * @param each gets one whole frame; `bytes` is the caller's or the stream's, and valid until it returns. It returns false to
   *   have the rest thrown away
   * @returns `BAD_LENGTH` when the stream is out of step, after which it is of no more use; else null
   */
  push(octets: Uint8Array, each: (bytes: Uint8Array, offset: number, length: number) => boolean): Malformed | null {
    let at = 0;
    if (this.#partial !== null) {
      const used = this.#complete(octets);
      if (typeof used !== 'number') return used;
      if (used < 0) return null;
      at = used;
      const frame = this.#partial;
      const length = this.#held;
      this.clear();
      if (!each(frame, 0, length)) return null;
    }
    while (at < octets.length) {
      const left = octets.length - at;
      const length = frameLength(octets, at, left);
      if (typeof length !== 'number') return length;
      if (length === 0 || length > left) {
        this.#keep(octets, at, length);
        return null;
      }
      if (!each(octets, at, length)) return null;
      at += length;
    }
    return null;
  }

  clear(): void {
    this.#partial = null;
    this.#held = 0;
  }

  /** Keeps the beginning of a frame of `length` octets, or of a length field when `length` is 0. */
  #keep(octets: Uint8Array, at: number, length: number): void {
    const partial = new Uint8Array(length === 0 ? 4 : length);
    partial.set(octets.subarray(at));
    this.#partial = partial;
    this.#held = octets.length - at;
  }

  /** Returns how many of `octets` completed the frame held, or -1 when it is still incomplete. */
  #complete(octets: Uint8Array): number | Malformed {
    let used = this.#take(octets, 0);
    if (this.#held < 4) return -1;
    const length = frameLength(this.#partial!, 0, this.#held);
    if (typeof length !== 'number') return length;
    if (this.#partial!.length < length) {
      const whole = new Uint8Array(length);
      whole.set(this.#partial!);
      this.#partial = whole;
      used += this.#take(octets, used);
    }
    return this.#held < length ? -1 : used;
  }

  #take(octets: Uint8Array, from: number): number {
    const partial = this.#partial!;
    const taken = Math.min(octets.length - from, partial.length - this.#held);
    for (let k = 0; k < taken; k++) partial[this.#held + k] = octets[from + k]!;
    this.#held += taken;
    return taken;
  }
}
