/**
 * Finding a phone that has a load: Sepia's own protocol. What Cisco's phones speak for peer firmware sharing (CPPDP) is not public; nothing here is its likeness, and
 * no real phone understands it. One UDP datagram each way, integers big-endian: the question goes to 255.255.255.255, the answer back to its sender.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 4 | `SPFS` |
 * | 4 | 1 | version, 1 |
 * | 5 | 1 | 1 question: who runs this load; 2 answer: I do |
 * | 6 | 2 | answer: TCP port on which it is to be had by HTTP; question: 0 |
 * | 8 | 4 | number of the question, repeated in the answer |
 * | 12 | 1 + n | model, as `7975`: length and ASCII |
 * | | 1 + n | load: length and ASCII |
 */
import { Malformed } from '../malformed.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';
import { emitLatin1, latin1 } from './text.ts';

export interface Message {
  readonly kind: 'question' | 'answer';
  readonly port: number;
  readonly id: number;
  readonly model: string;
  readonly load: string;
}

const MAGIC = 0x5350_4653;
const VERSION = 1;
const TEXTS_OFFSET = 12;
const KINDS = [null, 'question', 'answer'] as const;
const MAX_TEXT = 255;

const NOT_OURS = new Malformed('peer-sharing', 'does not begin as a message does');
const BAD_TEXT = new Malformed('peer-sharing', 'a text is longer than what is left, or something follows');

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  if (length < TEXTS_OFFSET || u32(bytes, offset) !== MAGIC || bytes[offset + 4] !== VERSION) return NOT_OURS;
  const kind = KINDS[bytes[offset + 5]!];
  if (kind === null || kind === undefined) return NOT_OURS;
  const end = offset + length;
  const modelAt = offset + TEXTS_OFFSET;
  if (modelAt >= end) return BAD_TEXT;
  const loadAt = modelAt + 1 + bytes[modelAt]!;
  if (loadAt >= end || loadAt + 1 + bytes[loadAt]! !== end) return BAD_TEXT;
  return {
    kind,
    port: u16(bytes, offset + 6),
    id: u32(bytes, offset + 8),
    model: latin1(bytes, modelAt + 1, bytes[modelAt]!),
    load: latin1(bytes, loadAt + 1, bytes[loadAt]!),
  };
}

export function lengthOf({ model, load }: Message): number {
  return TEXTS_OFFSET + 1 + model.length + 1 + load.length;
}

/** Writes the message and returns `lengthOf(message)`. Throws when a text has more than 255 characters. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  const { kind, port, id, model, load } = message;
  if (model.length > MAX_TEXT || load.length > MAX_TEXT) throw new RangeError('a name is longer than its length says');
  putU32(into, offset, MAGIC);
  into[offset + 4] = VERSION;
  into[offset + 5] = KINDS.indexOf(kind);
  putU16(into, offset + 6, port);
  putU32(into, offset + 8, id);
  let at = offset + TEXTS_OFFSET;
  for (const text of [model, load]) {
    into[at] = text.length;
    at += 1 + emitLatin1(text, into, at + 1);
  }
  return at - offset;
}

/** `peer sharing question 7: SCCP75.9-5-1S for 7975`. */
export function describe({ kind, port, id, model, load }: Message): string {
  return `peer sharing ${kind} ${id}: ${load} for ${model}${kind === 'answer' ? ` on port ${port}` : ''}`;
}
