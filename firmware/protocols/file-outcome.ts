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

/**
 * A file that arrives in pieces: a list of them, joined once, since growing a buffer would copy it again and again. With a sink the pieces go there, and
 * nothing is kept.
 */
export class FileAssembly {
  readonly #maxSize: number;
  readonly #sink: FileSink | null;
  readonly #pieces: Uint8Array[] = [];
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
    this.#pieces.push(new Uint8Array(octets));
    return true;
  }

  /** Whether this many more octets would be too many. */
  exceeds(more: number): boolean {
    return this.size + more > this.#maxSize;
  }

  /** The whole file; empty when it went to a sink. */
  octets(): Uint8Array {
    if (this.#sink !== null) return new Uint8Array(0);
    const file = new Uint8Array(this.size);
    let at = 0;
    for (const piece of this.#pieces) {
      file.set(piece, at);
      at += piece.length;
    }
    return file;
  }
}
