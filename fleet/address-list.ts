import type { Ipv4 } from '../hal/nic.ts';
import { parseIpv4 } from '../storage/settings.ts';

interface Prefix {
  readonly address: Ipv4;
  readonly length: number;
}

/** Addresses and prefixes where a fleet expects to land. */
export class AddressList {
  readonly #prefixes: readonly Prefix[];

  private constructor(prefixes: readonly Prefix[]) {
    this.#prefixes = prefixes;
  }

  /** Reads `10.0.0.1,10.100.0.0/16`. A string is the sentence that says what is wrong. */
  static parse(text: string): AddressList | string {
    const prefixes: Prefix[] = [];
    for (const part of text.split(',')) {
      const prefix = parsePrefix(part.trim());
      if (prefix === null) return `"${part.trim()}" is no address and no prefix, such as 10.0.0.1 or 10.100.0.0/16.`;
      prefixes.push(prefix);
    }
    return new AddressList(prefixes);
  }

  has(address: Ipv4): boolean {
    return this.#prefixes.some(({ address: base, length }) => {
      const size = 2 ** (32 - length);
      return Math.floor(address / size) === Math.floor(base / size);
    });
  }
}

function parsePrefix(text: string): Prefix | null {
  const [addressText = '', lengthText = '32', ...more] = text.split('/');
  const address = parseIpv4(addressText);
  const length = /^\d{1,2}$/.test(lengthText) ? Number(lengthText) : 33;
  return address === null || length > 32 || more.length > 0 ? null : { address, length };
}
