/** Elements of tag, length and value, back to back, as TVS and CAPF carry them: `tag (1)  length (2)  value`. */
import { putU16, u16 } from './octets.ts';

export interface Element {
  readonly tag: number;
  readonly value: Uint8Array;
}

const ELEMENT_HEADER = 3;

/** A dozen elements are in the fullest message known. */
const MAX_ELEMENTS = 64;

/** Views of `bytes`; null when a length reaches past `end`, or there are too many. */
export function parseElements(bytes: Uint8Array, start: number, end: number): readonly Element[] | null {
  const elements: Element[] = [];
  for (let at = start; at < end; ) {
    const from = at + ELEMENT_HEADER;
    const to = from <= end ? from + u16(bytes, at + 1) : Infinity;
    if (to > end || elements.length === MAX_ELEMENTS) return null;
    elements.push({ tag: bytes[at]!, value: bytes.subarray(from, to) });
    at = to;
  }
  return elements;
}

export function lengthOfElements(elements: readonly Element[]): number {
  return elements.reduce((sum, { value }) => sum + ELEMENT_HEADER + value.length, 0);
}

/** Writes them and returns `lengthOfElements(elements)`. */
export function emitElements(elements: readonly Element[], into: Uint8Array, offset: number): number {
  let at = offset;
  for (const { tag, value } of elements) {
    into[at] = tag;
    putU16(into, at + 1, value.length);
    into.set(value, at + ELEMENT_HEADER);
    at += ELEMENT_HEADER + value.length;
  }
  return at - offset;
}
