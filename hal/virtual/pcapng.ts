/**
 * Writes captures in the PCAP Next Generation format (draft-ietf-opsawg-pcapng), little-endian. Every block is
 *
 *    0  block type (4)
 *    4  block total length (4), a multiple of 4
 *    8  body, then options: code (2), length (2), value padded to 4; code 0 ends them
 *   -4  block total length again (4)
 *
 * A file is one section header, one interface description for each interface, then packets and secrets in any order. Functions return the
 * octets of one block; what to do with them is the caller's.
 */

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 0x00000001;
const ENHANCED_PACKET = 0x00000006;
const DECRYPTION_SECRETS = 0x0000000a;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;
/** Frames are recorded whole; 0 is "no limit". */
const SNAP_LENGTH = 0;
/** "TLSK": NSS key log lines. */
const SECRETS_TLS_KEY_LOG = 0x544c534b;

const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_TSRESOL = 9;
const EPB_FLAGS = 2;
/** Bits 0 and 1 of `epb_flags`. */
const INBOUND = 1;
const OUTBOUND = 2;
/** `if_tsresol`: units of 10^-6 s. */
const MICROSECONDS = 6;

/** A multiple of 4 that an option's 16-bit length can say. */
const MAXIMUM_OPTION_OCTETS = 65_532;

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** The first block. `application` is the program that writes it. */
export function sectionHeader(application: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  view.setUint16(6, 0, true);
  // Section length -1: not known.
  body.fill(0xff, 8);
  return block(SECTION_HEADER, body, [{ code: SHB_USERAPPL, value: utf8(application) }]);
}

/** The interfaces of a section are numbered from 0 in the order of these blocks. */
export function interfaceDescription(name: string): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint16(0, LINKTYPE_ETHERNET, true);
  view.setUint32(4, SNAP_LENGTH, true);
  return block(INTERFACE_DESCRIPTION, body, [
    { code: IF_NAME, value: utf8(name) },
    { code: IF_TSRESOL, value: Uint8Array.of(MICROSECONDS) },
  ]);
}

export interface CapturedPacket {
  /** Number of the interface. */
  readonly interface: number;
  /** Microseconds since 1970-01-01T00:00:00Z. */
  readonly time: number;
  readonly direction: 'in' | 'out';
  readonly bytes: Uint8Array;
  readonly comment?: string;
}

export function enhancedPacket(packet: CapturedPacket): Uint8Array {
  const { bytes } = packet;
  const body = new Uint8Array(20 + padded(bytes.length));
  const view = new DataView(body.buffer);
  view.setUint32(0, packet.interface, true);
  view.setUint32(4, Math.floor(packet.time / 2 ** 32), true);
  view.setUint32(8, packet.time % 2 ** 32, true);
  view.setUint32(12, bytes.length, true);
  view.setUint32(16, bytes.length, true);
  body.set(bytes, 20);
  const options: Option[] = [];
  if (packet.comment !== undefined)
    options.push({ code: OPT_COMMENT, value: utf8(packet.comment).subarray(0, MAXIMUM_OPTION_OCTETS) });
  options.push({ code: EPB_FLAGS, value: Uint8Array.of(packet.direction === 'in' ? INBOUND : OUTBOUND, 0, 0, 0) });
  return block(ENHANCED_PACKET, body, options);
}

/** Lines of an NSS key log. They apply to the packets that follow, so the block goes before those. */
export function decryptionSecrets(keyLog: string): Uint8Array {
  const secrets = utf8(keyLog);
  const body = new Uint8Array(8 + padded(secrets.length));
  const view = new DataView(body.buffer);
  view.setUint32(0, SECRETS_TLS_KEY_LOG, true);
  view.setUint32(4, secrets.length, true);
  body.set(secrets, 8);
  return block(DECRYPTION_SECRETS, body, []);
}

function block(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  let length = 12 + body.length;
  for (const option of options) length += 4 + padded(option.value.length);
  if (options.length > 0) length += 4;
  const octets = new Uint8Array(length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  octets.set(body, 8);
  let at = 8 + body.length;
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    octets.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  view.setUint32(length - 4, length, true);
  return octets;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** UTF-8 of a text; these rooms have no TextEncoder. A lone surrogate, which no UTF-8 can hold, becomes the replacement character. */
function utf8(text: string): Uint8Array {
  const octets: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    if (code < 0x80) octets.push(code);
    else if (code < 0x800) octets.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000) octets.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else {
      octets.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }
  }
  return Uint8Array.from(octets);
}
