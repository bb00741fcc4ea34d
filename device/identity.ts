import type { Mac } from '../hal/nic.ts';

/** The first octet's bits that say "group" and "locally administered" (IEEE 802, 8.2.2). */
const GROUP_BIT = 0x01;
const LOCAL_BIT = 0x02;

/** Reads `02005EC0FFEE`, `02:00:5e:c0:ff:ee`, `02-00-…`, `0200.5ec0.ffee` and `SEP02005EC0FFEE`. A string is the sentence that says what is wrong. */
export function parseMac(text: string): Mac | string {
  const digits = text.trim().replace(/^SEP/i, '').replaceAll(/[:.-]/g, '');
  if (!/^[0-9a-f]{12}$/i.test(digits)) {
    return `"${text}" is not a MAC address: write twelve hexadecimal digits, such as 02005EC0FFEE or 02:00:5e:c0:ff:ee.`;
  }
  const mac = Number.parseInt(digits, 16);
  if (mac === 0) return `"${text}" cannot be a phone's MAC address: it is all zeros.`;
  if ((firstOctet(mac) & GROUP_BIT) !== 0) {
    return `"${text}" cannot be a phone's MAC address: it is a group address (its first octet is odd).`;
  }
  return mac;
}

/** `02005EC0FFEE`; with a separator `02:00:5E:C0:FF:EE`. */
export function formatMac(mac: Mac, separator = ''): string {
  const digits = mac.toString(16).toUpperCase().padStart(12, '0');
  return separator === '' ? digits : digits.replaceAll(/..(?=.)/g, `$&${separator}`);
}

/** False for an address out of a maker's range: such a one may belong to a real phone. */
export function isLocallyAdministered(mac: Mac): boolean {
  return (firstOctet(mac) & LOCAL_BIT) !== 0;
}

/** The name under which the call manager knows the phone. */
export function deviceName(mac: Mac): string {
  return `SEP${formatMac(mac)}`;
}

function firstOctet(mac: Mac): number {
  return Math.floor(mac / 2 ** 40);
}

const SERIAL_DIGITS = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ';

/** Mixes the 48 bits into 32 (the finisher of MurmurHash3 over both halves). */
function mixed(mac: Mac): number {
  let hash = (mac >>> 0) ^ Math.imul(Math.floor(mac / 2 ** 32) + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A serial number in Cisco's form, always the same for a MAC: three letters of the plant, year, week, four characters (`FCH1402A1B2`). */
export function serialNumber(mac: Mac): string {
  let rest = mixed(mac);
  const take = (bound: number): number => {
    const value = rest % bound;
    rest = Math.floor(rest / bound);
    return value;
  };
  const year = 10 + take(10);
  const week = 1 + take(52);
  // 520 years and weeks leave 23 of the 32 bits; four digits of base 34 take 20.3 of them.
  const tail = Array.from({ length: 4 }, () => SERIAL_DIGITS[take(SERIAL_DIGITS.length)]).join('');
  return `FCH${year}${String(week).padStart(2, '0')}${tail}`;
}

/** Bits of `autoMac` after the octet 02: run, shard, index. Together 40. */
export const RUN_BITS = 12;
export const SHARD_BITS = 8;
export const INDEX_BITS = 20;

/**
 * The locally administered address of phone `index` in `shard` of `run`: 02, then 12 bits of run, 8 of shard, 20 of index. Runs and shards
 * are prefixes, so that they are disjoint by construction and one prefix in a packet filter stands for a whole shard.
 * Throws RangeError when a number does not fit: the plan has to be refused before.
 */
export function autoMac(run: number, shard: number, index: number): Mac {
  const part = (value: number, bits: number, name: string): number => {
    if (Number.isInteger(value) && value >= 0 && value < 2 ** bits) return value;
    throw new RangeError(`${name} ${value} is not an integer from 0 to ${2 ** bits - 1}`);
  };
  const prefix = part(run, RUN_BITS, 'run') * 2 ** SHARD_BITS + part(shard, SHARD_BITS, 'shard');
  return 0x02 * 2 ** 40 + prefix * 2 ** INDEX_BITS + part(index, INDEX_BITS, 'index');
}
