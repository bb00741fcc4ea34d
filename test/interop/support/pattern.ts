import { createHash, type Hash } from 'node:crypto';

const PERIOD = 65_521;

/** Octets of a transfer from a position on: no two stretches at different positions are alike, so that nothing can be moved, doubled or left out. */
export function pattern(position: number, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    const at = position + index;
    octets[index] = (at % PERIOD) * 31 + Math.floor(at / PERIOD) * 7 + (at >>> 9);
  }
  return octets;
}

/** What a receiver has got. */
export class Receipt {
  octets = 0;
  readonly #hash: Hash = createHash('sha256');

  add(octets: Uint8Array): void {
    this.octets += octets.length;
    this.#hash.update(octets);
  }

  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}

/** The receipt of a whole transfer. */
export function expectedDigest(length: number): string {
  return createHash('sha256').update(pattern(0, length)).digest('hex');
}
