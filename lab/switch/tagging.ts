/**
 * The few octets of a frame that a switch looks at, read and moved without a full parse: every frame of every phone passes here.
 *
 * Untagged: destination 0, source 6, EtherType or length 12. Tagged (IEEE 802.1Q 9.3): TPID 0x8100 at 12, TCI at 14 (PCP 3 bits,
 * DEI 1, VID 12), the rest follows from 16.
 */
import { u16 } from '../../firmware/wire/octets.ts';

const TAG_LENGTH = 4;
export const HEADER_LENGTH = 14;
const TPID = 0x8100;

/** The TCI of a tagged frame, -1 when there is no tag. */
export function tciOf(frame: Uint8Array, length: number): number {
  return length >= HEADER_LENGTH + TAG_LENGTH && u16(frame, 12) === TPID ? u16(frame, 14) : -1;
}

/** Writes `frame` with the tag `tci` into `into`, replacing a tag it has; returns the new length. */
export function tag(frame: Uint8Array, length: number, tci: number, into: Uint8Array): number {
  const from = tciOf(frame, length) < 0 ? 12 : 16;
  into.set(frame.subarray(0, 12));
  into[12] = TPID >> 8;
  into[13] = TPID & 0xff;
  into[14] = tci >> 8;
  into[15] = tci & 0xff;
  into.set(frame.subarray(from, length), 16);
  return length - from + 16;
}

/** Writes `frame` without its tag into `into`; returns the new length. */
export function untag(frame: Uint8Array, length: number, into: Uint8Array): number {
  into.set(frame.subarray(0, 12));
  into.set(frame.subarray(16, length), 12);
  return length - TAG_LENGTH;
}
