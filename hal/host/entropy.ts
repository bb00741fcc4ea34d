import { randomBytes } from 'node:crypto';
import type { Rng } from '../rng.ts';

/** Octets asked from the kernel's generator at once. */
const POOL_OCTETS = 4_096;

/** Chance that cannot be repeated, from the operating system. */
export class HostRng implements Rng {
  #pool = Buffer.alloc(0);
  #used = 0;

  u32(): number {
    if (this.#used + 4 > this.#pool.length) {
      this.#pool = randomBytes(POOL_OCTETS);
      this.#used = 0;
    }
    const value = this.#pool.readUInt32LE(this.#used);
    this.#used += 4;
    return value;
  }

  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RangeError(`a bound is 1 to 2^32, not ${bound}`);
    }
    const fair = 2 ** 32 - (2 ** 32 % bound);
    let value = this.u32();
    while (value >= fair) value = this.u32();
    return value % bound;
  }

  fill(into: Uint8Array): void {
    into.set(randomBytes(into.length));
  }
}
