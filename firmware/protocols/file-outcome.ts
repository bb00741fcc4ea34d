/** How a download ended, by TFTP or by HTTP. */
export type FileOutcome =
  | { readonly outcome: 'received'; readonly octets: Uint8Array }
  | { readonly outcome: 'not-found' }
  | { readonly outcome: 'timeout' }
  /** `code` is the protocol's own: a TFTP error code, an HTTP status, 0 where the connection failed. */
  | { readonly outcome: 'error'; readonly code: number; readonly text: string }
  | { readonly outcome: 'too-large' };

/** A file that arrives in pieces: a list of them, joined once, since growing a buffer would copy it again and again. */
export class FileAssembly {
  readonly #pieces: Uint8Array[] = [];
  size = 0;

  /** Copies `octets`. */
  push(octets: Uint8Array): void {
    this.#pieces.push(new Uint8Array(octets));
    this.size += octets.length;
  }

  octets(): Uint8Array {
    const file = new Uint8Array(this.size);
    let at = 0;
    for (const piece of this.#pieces) {
      file.set(piece, at);
      at += piece.length;
    }
    return file;
  }
}
