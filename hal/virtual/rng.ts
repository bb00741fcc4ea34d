import type { Mac } from '../nic.ts';
import type { Rng } from '../rng.ts';

const TWO_TO_32 = 2 ** 32;

/** Rounds after seeding, so that similar seeds have nothing visible in common. */
const WARM_UP_ROUNDS = 12;

/**
 * Chance that can be repeated: sfc32 (Chris Doty-Humphrey's Small Fast Counting generator of PractRand), 128 bits of state. The seed is text or a number;
 * `1` and `'1'` are the same.
 */
export class SeededRng implements Rng {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: string | number) {
    const text = String(seed);
    this.#a = hashText(text, 0x9e3779b9);
    this.#b = hashText(text, 0x243f6a88);
    this.#c = hashText(text, 0xb7e15162);
    this.#counter = 1;
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.u32();
  }

  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_TO_32) {
      throw new RangeError(`a bound is 1 to 2^32, not ${bound}`);
    }
    // What lies above the largest multiple of the bound would favour small results.
    const fair = TWO_TO_32 - (TWO_TO_32 % bound);
    let value = this.u32();
    while (value >= fair) value = this.u32();
    return value % bound;
  }

  fill(into: Uint8Array): void {
    let word = 0;
    for (let index = 0; index < into.length; index++) {
      if ((index & 3) === 0) word = this.u32();
      into[index] = word >>> ((index & 3) * 8);
    }
  }
}

/** The seed of one phone of a world. It depends on nothing but these two, so a phone more changes nothing for the others. */
export function phoneSeed(worldSeed: string | number, mac: Mac): string {
  return `${worldSeed}/${mac.toString(16).padStart(12, '0')}`;
}

/** 32 bits of a text, another 32 with another start: FNV-1a over the code units, then the finisher of splitmix32. */
function hashText(text: string, start: number): number {
  let hash = start;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    hash = splitmix32(Math.imul(hash ^ unit, 0x01000193));
  }
  return splitmix32(hash + text.length);
}

function splitmix32(value: number): number {
  let mixed = (value + 0x9e3779b9) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}
