import { closeSync, openSync, readSync } from 'node:fs';

/** A file from its beginning to its end. */
export interface OctetSource {
  /** Writes up to `length` octets at `offset` and returns how many; 0 at the end. */
  read(into: Uint8Array, offset: number, length: number): number;
  close(): void;
}

/** Throws the system's error when the file cannot be opened or read. */
export function fileSource(path: string): OctetSource {
  const file = openSync(path, 'r');
  return {
    read: (into, offset, length) => readSync(file, into, offset, length, null),
    close: () => closeSync(file),
  };
}

export function memorySource(octets: Uint8Array): OctetSource {
  let at = 0;
  return {
    read: (into, offset, length) => {
      const piece = octets.subarray(at, at + length);
      into.set(piece, offset);
      at += piece.length;
      return piece.length;
    },
    close: () => {},
  };
}
