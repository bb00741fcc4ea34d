import { closeSync, fchmodSync, openSync, writeSync } from 'node:fs';

/** Events and captures show what a network looks like: readable by their owner alone. */
const MODE_OWNER_ONLY = 0o600;

/** A write for each event would cost more than the event. */
const BUFFER_OCTETS = 64 * 1024;

/** A file that cannot be written. The message is one sentence. */
export class PrivateFileError extends Error {
  override readonly name = 'PrivateFileError';
}

/** Written from the beginning, in order, gathered into larger writes; what is left is written by `close`. */
export class PrivateFile {
  readonly #path: string;
  readonly #descriptor: number;
  #waiting: Uint8Array[] = [];
  #octets = 0;
  #closed = false;

  /** What stood there is gone. Throws PrivateFileError. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, 'w', MODE_OWNER_ONLY);
      // The mode above is for a new file only. A device such as /dev/stdout keeps its own.
      fchmodSync(this.#descriptor, MODE_OWNER_ONLY);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  write(data: Uint8Array | string): void {
    if (this.#closed) return;
    const octets = typeof data === 'string' ? Buffer.from(data) : data;
    this.#waiting.push(octets);
    this.#octets += octets.length;
    if (this.#octets >= BUFFER_OCTETS) this.flush();
  }

  flush(): void {
    const octets = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#octets = 0;
    try {
      for (let done = 0; done < octets.length; ) done += writeSync(this.#descriptor, octets, done);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    closeSync(this.#descriptor);
  }

  #failure(error: unknown): PrivateFileError {
    const { code, message } = error as NodeJS.ErrnoException;
    return new PrivateFileError(`${this.#path} cannot be written: ${code ?? message}.`);
  }
}
