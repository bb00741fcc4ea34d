/** Puts the segments of one direction of a TCP connection into order (RFC 9293 section 3.10.7.4), as somebody does who only listens. */

/** Octets held beyond a hole. A window of 64 KiB without scaling is what phones offer. */
const MAX_HELD = 256 * 1024;
const MAX_HELD_SEGMENTS = 256;

export interface StreamListener {
  /** Octets in order, each once. */
  data(octets: Uint8Array): void;
  /** The capture has lost octets: what follows does not join on. */
  gap(): void;
}

export class TcpStream {
  /** Sequence number of the next octet in order; null before the first segment. */
  #next: number | null = null;
  #held: { readonly sequence: number; readonly octets: Uint8Array }[] = [];
  #heldOctets = 0;
  readonly #listener: StreamListener;

  constructor(listener: StreamListener) {
    this.#listener = listener;
  }

  /** A SYN with this sequence number. */
  begin(sequence: number): void {
    this.#next = (sequence + 1) >>> 0;
    this.#held = [];
    this.#heldOctets = 0;
  }

  push(sequence: number, octets: Uint8Array): void {
    if (octets.length === 0) return;
    this.#next ??= sequence;
    const ahead = distance(this.#next, sequence);
    if (ahead > 0) {
      this.#hold(sequence, octets);
      return;
    }
    if (-ahead >= octets.length) return; // Sent again, or a keepalive's garbage octet.
    this.#deliver(octets.subarray(-ahead));
    this.#release();
  }

  /** The other side has everything up to here: what the capture does not have by now will not come. */
  acknowledged(sequence: number): void {
    if (this.#next === null || this.#held.length === 0) return;
    if (distance(this.#next, sequence) > 0) this.#skip();
  }

  #deliver(octets: Uint8Array): void {
    this.#next = (this.#next! + octets.length) >>> 0;
    this.#listener.data(octets);
  }

  #hold(sequence: number, octets: Uint8Array): void {
    if (this.#held.some((held) => held.sequence === sequence && held.octets.length >= octets.length)) return;
    this.#held.push({ sequence, octets: octets.slice() });
    this.#heldOctets += octets.length;
    if (this.#heldOctets > MAX_HELD || this.#held.length > MAX_HELD_SEGMENTS) this.#skip();
  }

  /** Hands over what has become in order. */
  #release(): void {
    for (;;) {
      const index = this.#held.findIndex(({ sequence }) => distance(this.#next!, sequence) <= 0);
      if (index === -1) return;
      const { sequence, octets } = this.#held[index]!;
      this.#held.splice(index, 1);
      this.#heldOctets -= octets.length;
      const known = -distance(this.#next!, sequence);
      if (known < octets.length) this.#deliver(octets.subarray(known));
    }
  }

  /** Goes on behind the hole. */
  #skip(): void {
    let nearest = Number.POSITIVE_INFINITY;
    for (const { sequence } of this.#held) nearest = Math.min(nearest, distance(this.#next!, sequence));
    this.#next = (this.#next! + nearest) >>> 0;
    this.#listener.gap();
    this.#release();
  }
}

/** How far `to` is ahead of `from`, negative when it is behind: sequence numbers wrap (RFC 9293 section 3.4). */
function distance(from: number, to: number): number {
  return (to - from) | 0;
}
