/**
 * Logical link control (IEEE 802.2 clause 3.2) with the sub-network access protocol (IEEE 802, clause 9.5): the start of the payload of a
 * frame in the 802.3 length form. CDP travels in it.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | DSAP |
 * | 1 | 1 | SSAP |
 * | 2 | 1 or 2 | control; one octet when its two low bits are 11 (unnumbered) |
 * | 3 | 3 | OUI, only after AA AA 03 |
 * | 6 | 2 | protocol identifier, only after AA AA 03 |
 */
import { Malformed } from '../malformed.ts';
import { putU16, u16 } from './octets.ts';

const SNAP_SAP = 0xaa;
/** Unnumbered information. */
const UI = 0x03;
export const SNAP_LENGTH = 8;

export const CISCO_OUI = 0x00000c;
/** SNAP protocol identifier of CDP under Cisco's OUI. */
export const CDP_PROTOCOL = 0x2000;

const TRUNCATED = new Malformed('llc', 'truncated');

export interface Snap {
  /** 24 bits. */
  readonly oui: number;
  readonly protocol: number;
}

export interface Header {
  readonly dsap: number;
  readonly ssap: number;
  /** One octet, or two with the first in the low bits, as 802.2 numbers them: the two low bits tell the length in either case. */
  readonly control: number;
  readonly snap: Snap | null;
}

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Header | Malformed {
  if (length < 3) return TRUNCATED;
  const dsap = bytes[offset]!;
  const ssap = bytes[offset + 1]!;
  const first = bytes[offset + 2]!;
  if ((first & 3) !== 3) {
    if (length < 4) return TRUNCATED;
    return { dsap, ssap, control: first | (bytes[offset + 3]! << 8), snap: null };
  }
  if (dsap !== SNAP_SAP || ssap !== SNAP_SAP || first !== UI) return { dsap, ssap, control: first, snap: null };
  if (length < SNAP_LENGTH) return TRUNCATED;
  const oui = (bytes[offset + 3]! << 16) | u16(bytes, offset + 4);
  return { dsap, ssap, control: first, snap: { oui, protocol: u16(bytes, offset + 6) } };
}

/** The header of a frame of `protocol` under `oui`. */
export function snapHeader(oui: number, protocol: number): Header {
  return { dsap: SNAP_SAP, ssap: SNAP_SAP, control: UI, snap: { oui, protocol } };
}

export function isCdp({ snap }: Header): boolean {
  return snap !== null && snap.oui === CISCO_OUI && snap.protocol === CDP_PROTOCOL;
}

export function lengthOf(header: Header): number {
  if (header.snap !== null) return SNAP_LENGTH;
  return isTwoOctets(header) ? 4 : 3;
}

/** Writes the header and returns its length. */
export function emit(header: Header, into: Uint8Array, offset = 0): number {
  into[offset] = header.dsap;
  into[offset + 1] = header.ssap;
  into[offset + 2] = header.control;
  if (isTwoOctets(header)) into[offset + 3] = header.control >> 8;
  if (header.snap !== null) {
    into[offset + 3] = header.snap.oui >> 16;
    putU16(into, offset + 4, header.snap.oui);
    putU16(into, offset + 6, header.snap.protocol);
  }
  return lengthOf(header);
}

export function describe(header: Header): string {
  const { snap } = header;
  const sap = `LLC ${hex(header.dsap, 2)} > ${hex(header.ssap, 2)} control ${hex(header.control, 2)}`;
  return snap === null ? sap : `SNAP ${hex(snap.oui, 6)}/${hex(snap.protocol, 4)}`;
}

/** A control field of one octet ends in 11; the first of two does not. */
function isTwoOctets(header: Header): boolean {
  return (header.control & 3) !== 3;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}
