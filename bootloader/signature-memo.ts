import type { BootKey } from '../hal/secure.ts';
import { hexOf } from '../storage/ascii.ts';

/** A process boots a handful of images by a handful of keys. */
const MAX_REMEMBERED = 64;

/**
 * Remembers signatures that verified, so that thousands of boards of one process check each image once. The board owns it. It cannot be
 * fooled: a verification is a function of algorithm, public key, message and signature, and the memory is keyed by all four.
 */
export class SignatureMemo {
  readonly #good = new Set<string>();

  check(key: BootKey, message: Uint8Array, signature: Uint8Array, verify: () => boolean): boolean {
    const inputs = `${key.algorithm} ${hexOf(key.publicKey)} ${hexOf(message)} ${hexOf(signature)}`;
    if (this.#good.has(inputs)) return true;
    if (!verify()) return false;
    if (this.#good.size >= MAX_REMEMBERED) this.#good.clear();
    this.#good.add(inputs);
    return true;
  }
}
