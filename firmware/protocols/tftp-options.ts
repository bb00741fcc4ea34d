/**
 * What a client asks for beyond RFC 1350, and what the server agreed to: block size (RFC 2348), size of the file (RFC 2349) and window (RFC 7440).
 * A telephone's request has none of them unless its load is said to ask (`tftp.blockSize`, `tftp.windowSize`).
 */
import type { TunableValues } from '../../hal/tunables.ts';
import * as tftp from '../wire/tftp.ts';

/** In force for one transfer. */
export interface TftpTerms {
  readonly blockSize: number;
  /** Blocks that may come between two acknowledgements. */
  readonly windowSize: number;
  /** Octets of the file; null when the server did not say. */
  readonly size: number | null;
}

/** RFC 1350 without any option. */
export const PLAIN_TERMS: TftpTerms = Object.freeze({ blockSize: tftp.BLOCK_SIZE, windowSize: 1, size: null });

/** RFC 2348: "valid values range between 8 and 65464". */
const MIN_BLOCK_SIZE = 8;

/** The options of a request; none when the tunables ask for nothing but RFC 1350. */
export function optionsWanted(tunables: TunableValues): readonly tftp.Option[] {
  const blockSize = tunables['tftp.blockSize'];
  const windowSize = tunables['tftp.windowSize'];
  if (blockSize === tftp.BLOCK_SIZE && windowSize === 1) return [];
  const options: tftp.Option[] = [{ name: 'tsize', value: '0' }];
  if (blockSize !== tftp.BLOCK_SIZE) options.push({ name: 'blksize', value: String(blockSize) });
  if (windowSize !== 1) options.push({ name: 'windowsize', value: String(windowSize) });
  return options;
}

/** Null when the server acknowledged what was not asked for, or more than was asked for (RFC 2347: the transfer ends with error 8). */
export function termsOf(asked: readonly tftp.Option[], agreed: readonly tftp.Option[]): TftpTerms | null {
  if (asked.length === 0) return null;
  let terms = PLAIN_TERMS;
  for (const { name, value } of agreed) {
    const wanted = asked.find((option) => option.name === name.toLowerCase());
    if (wanted === undefined || !/^\d{1,15}$/.test(value)) return null;
    const number = Number(value);
    switch (wanted.name) {
      case 'tsize':
        terms = { ...terms, size: number };
        break;
      case 'blksize':
        if (number < MIN_BLOCK_SIZE || number > Number(wanted.value)) return null;
        terms = { ...terms, blockSize: number };
        break;
      case 'windowsize':
        if (number < 1 || number > Number(wanted.value)) return null;
        terms = { ...terms, windowSize: number };
        break;
    }
  }
  return terms;
}
