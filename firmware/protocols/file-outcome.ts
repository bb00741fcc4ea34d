/** How a download ended, by TFTP or by HTTP. */
export type FileOutcome =
  | { readonly outcome: 'received'; readonly octets: Uint8Array }
  | { readonly outcome: 'not-found' }
  | { readonly outcome: 'timeout' }
  /** `code` is the protocol's own: a TFTP error code, an HTTP status, 0 where the connection failed. */
  | { readonly outcome: 'error'; readonly code: number; readonly text: string }
  | { readonly outcome: 'too-large' };

/** Where a large file goes piece by piece as it arrives, instead of being held in memory. */
export interface FileSink {
  /** A transfer begins, or begins again with another server: what came before is void. */
  begin(): void;
  /** The octets are the caller's again when this returns. False: the rest is not wanted, and the transfer ends as `too-large`. */
  push(octets: Uint8Array): boolean;
}

/** Octets that the buffer of a file begins with: two blocks of TFTP. */
const FIRST_ROOM = 1_024;

/** A file that arrives in pieces: a buffer that doubles when it is full. With a sink the pieces go there, and nothing is kept. */
export class FileAssembly {
  readonly #maxSize: number;
  readonly #sink: FileSink | null;
  #buffer: Uint8Array | null = null;
  size = 0;

  /** @param maxSize octets. */
  constructor(maxSize: number, sink: FileSink | null) {
    this.#maxSize = maxSize;
    this.#sink = sink;
    sink?.begin();
  }

  /** Copies `octets`. False: that was more than is wanted. */
  push(octets: Uint8Array): boolean {
    this.size += octets.length;
    if (this.size > this.#maxSize) return false;
    if (this.#sink !== null) return this.#sink.push(octets);
    this.#room(this.size).set(octets, this.size - octets.length);
    return true;
  }

  /** Whether this many more octets would be too many. */
  exceeds(more: number): boolean {
    return this.size + more > this.#maxSize;
  }

  /** The whole file; empty when it went to a sink. */
  octets(): Uint8Array {
    return this.#buffer?.subarray(0, this.size) ?? new Uint8Array(0);
  }

  #room(size: number): Uint8Array {
    const old = this.#buffer;
    if (old !== null && old.length >= size) return old;
    const buffer = new Uint8Array(Math.max(size, 2 * (old?.length ?? FIRST_ROOM / 2)));
    if (old !== null) buffer.set(old);
    this.#buffer = buffer;
    return buffer;
  }
}
