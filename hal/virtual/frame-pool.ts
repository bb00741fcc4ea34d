import type { Instant } from '../timer.ts';

/** Signalling and announcements; most frames of a phone are shorter than this. */
const SMALL_OCTETS = 256;

/** A maximum-size frame with tag and some room. */
const LARGE_OCTETS = 1_536;

/** Frames of each size kept for reuse; 6 MiB of large ones when a burst has been that big. */
const KEPT_FRAMES = 4_096;

/** A copy of a frame on its way, and a link in whichever queue holds it. */
export class StoredFrame {
  readonly bytes: Uint8Array;
  length = 0;
  /** When it is due; queues that have no time give all frames the same. */
  at: Instant = 0;
  next: StoredFrame | null = null;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }
}

/** Free frames of one size, for the whole process: no queue of 40,000 phones needs buffers of its own while it is empty. */
class FreeList {
  readonly #capacity: number;
  #first: StoredFrame | null = null;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  take(): StoredFrame {
    const frame = this.#first;
    if (frame === null) return new StoredFrame(this.#capacity);
    this.#first = frame.next;
    this.#count--;
    frame.next = null;
    return frame;
  }

  give(frame: StoredFrame): void {
    if (this.#count >= KEPT_FRAMES) return;
    frame.next = this.#first;
    this.#first = frame;
    this.#count++;
  }
}

const small = new FreeList(SMALL_OCTETS);
const large = new FreeList(LARGE_OCTETS);

/** A copy of the first `length` octets, due at `at`; `giveBack` it when it has been delivered. */
export function storeFrame(bytes: Uint8Array, length: number, at: Instant): StoredFrame {
  const frame = length <= SMALL_OCTETS ? small.take() : length <= LARGE_OCTETS ? large.take() : new StoredFrame(length);
  frame.bytes.set(bytes.length === length ? bytes : bytes.subarray(0, length));
  frame.length = length;
  frame.at = at;
  return frame;
}

export function giveBack(frame: StoredFrame): void {
  if (frame.bytes.length === SMALL_OCTETS) small.give(frame);
  else if (frame.bytes.length === LARGE_OCTETS) large.give(frame);
}

/** Frames in the order of their `at`, first in first out among equals. */
export class FrameQueue {
  #first: StoredFrame | null = null;
  #last: StoredFrame | null = null;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get first(): StoredFrame | null {
    return this.#first;
  }

  /** In its place by `at`; nearly always the end. */
  add(frame: StoredFrame): void {
    if (this.#last === null) {
      this.#first = frame;
      this.#last = frame;
    } else if (this.#last.at <= frame.at) {
      this.#last.next = frame;
      this.#last = frame;
    } else {
      this.#insert(frame);
    }
    this.#count++;
  }

  #insert(frame: StoredFrame): void {
    let before: StoredFrame | null = null;
    let after = this.#first;
    while (after !== null && after.at <= frame.at) {
      before = after;
      after = after.next;
    }
    frame.next = after;
    if (before === null) this.#first = frame;
    else before.next = frame;
  }

  take(): StoredFrame | null {
    const frame = this.#first;
    if (frame === null) return null;
    this.#first = frame.next;
    if (this.#first === null) this.#last = null;
    frame.next = null;
    this.#count--;
    return frame;
  }

  /** Loses all frames, and says how many. */
  clear(): number {
    const lost = this.#count;
    for (let frame = this.take(); frame !== null; frame = this.take()) giveBack(frame);
    return lost;
  }
}
