/**
 * NOR flash: an erase sets a whole sector to 0xFF, a program only clears bits, either can be torn by a power cut.
 */

export const SECTOR_SIZE = 4096;

export interface Flash {
  /** Octets, a multiple of `SECTOR_SIZE`. */
  readonly size: number;
  /** A copy of `length` octets. Throws RangeError outside the part. */
  read(offset: number, length: number): Uint8Array;
  /**
   * Clears bits: the octets become `old & new`. The caller keeps to 0xFF -> value, else it reads back something it never wrote.
   * Throws RangeError outside the part.
   */
  program(offset: number, octets: Uint8Array): void;
  /** Sets the sector that begins at `offset` (a multiple of `SECTOR_SIZE`) to 0xFF. */
  erase(offset: number): void;
  /** The part's blank check: whether the octets are all 0xFF. Throws RangeError outside the part. */
  isErased(offset: number, length: number): boolean;
  /** The part's hash engine: SHA-256 over a range, memoised while the sectors are shared and unchanged. */
  sha256(offset: number, length: number): Uint8Array;
}
