/**
 * A flash image: header, body, protected TLVs, unprotected TLVs. Little-endian; byte tables in docs/image-format.md.
 *
 *     header      magic, sizes, HAL ABI, flags, version, security counter     \
 *     body        the payload: one JavaScript function expression in ASCII     > signed: SHA-256 over these
 *     protected   models, load name, build id, hardware revisions, protocol   /
 *     unprotected SHA-256, key id, signature
 *
 * The shape is MCUboot's (docs/design.md there): the header grows by its own size field, and only what the signature covers decides
 * anything. A protected TLV that also stands among the unprotected ones is refused (CVE-2024-32883), so is one that is unknown or stands
 * twice.
 */

import type { SignatureAlgorithm } from '../hal/secure.ts';
import { hexOf, isPrintable, octetsOf, textOf } from './ascii.ts';
import { putU16le, putU32le, u16le, u32le } from './little-endian.ts';
import { isMalformed, type Malformed, malformed } from './malformed-image.ts';

export const MAGIC = 0x49_50_45_53; // "SEPI"
export const HEADER_SIZE = 32;
/** A header larger than this is no header. */
export const MAX_HEADER_SIZE = 1024;
/** More than any region of the flash map holds. */
export const MAX_BODY_SIZE = 0x40_0000;

/** Offsets in the header. */
export const HEADER = {
  magic: 0,
  headerSize: 4,
  halAbi: 6,
  bodySize: 8,
  flags: 12,
  major: 16,
  minor: 17,
  revision: 18,
  build: 20,
  securityCounter: 24,
  protectedSize: 28,
  reserved: 30,
} as const;

/** The body is compressed: a raw DEFLATE stream (RFC 1951), which the board inflates when it loads it. */
export const FLAG_DEFLATE = 1;
/** Flags that this reader understands. An image with another one needs something that is not here, and is refused. */
const KNOWN_FLAGS = FLAG_DEFLATE;

export type Compression = 'none' | 'deflate';

export const PROTECTED_MAGIC = 0x5054; // "TP"
export const UNPROTECTED_MAGIC = 0x5554; // "TU"
/** Each TLV area begins with magic and its whole size; each TLV with type and length; all four are 16-bit numbers. */
const TLV_HEAD = 4;
export const MAX_TLV_AREA = 4096;
/** Bounds the work that a hostile image can cause. */
export const MAX_TLVS = 32;

/** TLV types up to 0x7F are protected, from 0x80 on unprotected. */
export const TLV = {
  models: 0x01,
  load: 0x02,
  buildId: 0x03,
  hardwareRevisions: 0x04,
  protocol: 0x05,
  sha256: 0x80,
  keyId: 0x81,
  ed25519: 0x82,
  ecdsaP256: 0x83,
} as const;

const FIRST_UNPROTECTED = 0x80;
const PROTECTED_TYPES: readonly number[] = [TLV.models, TLV.load, TLV.buildId, TLV.hardwareRevisions, TLV.protocol];
/** In the models list: runs on every model. */
export const ANY_MODEL = '*';
export const MAX_TEXT = 512;

const SIGNATURE_TLV: Readonly<Record<SignatureAlgorithm, number>> = {
  ed25519: TLV.ed25519,
  'ecdsa-p256-sha256': TLV.ecdsaP256,
};

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly revision: number;
  readonly build: number;
}

export type Protocol = 'sccp' | 'sip';

/** What the signer says about a body: all that an image is made from. */
export interface ImageParts {
  /** As it stands in the image: compressed already when `compression` says so. */
  readonly body: Uint8Array;
  /** `none` unless given. */
  readonly compression?: Compression;
  readonly halAbi: number;
  readonly version: Version;
  readonly securityCounter: number;
  /** Model names (`7975`), or `*` for all. */
  readonly models: readonly string[];
  readonly load: string;
  readonly buildId: string;
  /** Hardware revisions it runs on; null when on all. */
  readonly hardwareRevisions: readonly string[] | null;
  /** What the load speaks to the call manager; null when nothing. */
  readonly protocol: Protocol | null;
}

/** A TLV that this reader has no name for. */
interface UnknownTlv {
  readonly type: number;
  readonly value: Uint8Array;
}

interface Signature {
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
  readonly octets: Uint8Array;
}

/** A well-formed image. Nothing is verified yet: whether `digest` and `signature` hold is the bootloader's question. */
export interface Image extends Omit<ImageParts, 'body' | 'compression'> {
  readonly compression: Compression;
  readonly headerSize: number;
  readonly flags: number;
  /** From the beginning of the image. */
  readonly bodyOffset: number;
  readonly bodyLength: number;
  /** Header, body and protected TLVs: the octets that the digest is over. */
  readonly signedLength: number;
  /** The whole image. */
  readonly length: number;
  readonly digest: Uint8Array;
  readonly signature: Signature | null;
  readonly unknown: readonly UnknownTlv[];
}

/** Where an image is read from: octets in memory, or a region of flash of which the body need not be read. */
export interface ImageSource {
  readonly size: number;
  /** Within `size`, always. */
  read(offset: number, length: number): Uint8Array;
}

interface Tlv {
  readonly type: number;
  readonly value: Uint8Array;
}

export function parse(octets: Uint8Array): Image | Malformed {
  return parseFrom({ size: octets.length, read: (offset, length) => octets.subarray(offset, offset + length) });
}

/** Reads header and TLVs, never the body. Octets after the image are no part of it. */
export function parseFrom(source: ImageSource): Image | Malformed {
  const header = parseHeader(source);
  if (isMalformed(header)) return header;
  const protectedOffset = header.headerSize + header.bodySize;
  const protectedTlvs = parseArea(source, protectedOffset, PROTECTED_MAGIC, 'protected');
  if (isMalformed(protectedTlvs)) return protectedTlvs;
  if (protectedTlvs.size !== header.protectedSize) return malformed('header and protected area differ in size');
  const signedLength = protectedOffset + protectedTlvs.size;
  const unprotectedTlvs = parseArea(source, signedLength, UNPROTECTED_MAGIC, 'unprotected');
  if (isMalformed(unprotectedTlvs)) return unprotectedTlvs;

  const claims = readClaims(protectedTlvs.tlvs);
  if (isMalformed(claims)) return claims;
  const seal = readSeal(unprotectedTlvs.tlvs);
  if (isMalformed(seal)) return seal;
  return {
    headerSize: header.headerSize,
    halAbi: header.halAbi,
    flags: header.flags,
    compression: (header.flags & FLAG_DEFLATE) === 0 ? 'none' : 'deflate',
    version: header.version,
    securityCounter: header.securityCounter,
    models: claims.models,
    load: claims.load,
    buildId: claims.buildId,
    hardwareRevisions: claims.hardwareRevisions,
    protocol: claims.protocol,
    digest: seal.digest,
    signature: seal.signature,
    unknown: seal.unknown,
    bodyOffset: header.headerSize,
    bodyLength: header.bodySize,
    signedLength,
    length: signedLength + unprotectedTlvs.size,
  };
}

interface Header {
  readonly headerSize: number;
  readonly halAbi: number;
  readonly bodySize: number;
  readonly flags: number;
  readonly version: Version;
  readonly securityCounter: number;
  readonly protectedSize: number;
}

/** The header alone: enough to refuse a download after its first octets. */
export function parseHeader(source: ImageSource): Header | Malformed {
  if (source.size < HEADER_SIZE) return malformed('shorter than a header');
  const octets = source.read(0, HEADER_SIZE);
  if (u32le(octets, HEADER.magic) !== MAGIC) return malformed('the magic number is missing');
  const headerSize = u16le(octets, HEADER.headerSize);
  if (headerSize < HEADER_SIZE || headerSize > MAX_HEADER_SIZE || headerSize % 4 !== 0) {
    return malformed(`header size ${headerSize} is out of range`);
  }
  const bodySize = u32le(octets, HEADER.bodySize);
  if (bodySize === 0 || bodySize > MAX_BODY_SIZE) return malformed(`body size ${bodySize} is out of range`);
  const flags = u32le(octets, HEADER.flags);
  if ((flags & ~KNOWN_FLAGS) !== 0) return malformed(`unknown flags 0x${flags.toString(16)}`);
  if (u16le(octets, HEADER.reserved) !== 0) return malformed('the reserved field is not zero');
  return {
    headerSize,
    halAbi: u16le(octets, HEADER.halAbi),
    bodySize,
    flags,
    version: {
      major: octets[HEADER.major]!,
      minor: octets[HEADER.minor]!,
      revision: u16le(octets, HEADER.revision),
      build: u32le(octets, HEADER.build),
    },
    securityCounter: u32le(octets, HEADER.securityCounter),
    protectedSize: u16le(octets, HEADER.protectedSize),
  };
}

interface Area {
  readonly size: number;
  readonly tlvs: readonly Tlv[];
}

function parseArea(source: ImageSource, offset: number, magic: number, name: string): Area | Malformed {
  if (offset + TLV_HEAD > source.size) return malformed(`truncated before its ${name} TLVs`);
  const head = source.read(offset, TLV_HEAD);
  if (u16le(head, 0) !== magic) return malformed(`the ${name} TLVs do not begin where the header says`);
  const size = u16le(head, 2);
  if (size < TLV_HEAD || size > MAX_TLV_AREA) return malformed(`${name} TLV area of ${size} octets is out of range`);
  if (offset + size > source.size) return malformed(`truncated in its ${name} TLVs`);
  const octets = source.read(offset, size);
  const tlvs: Tlv[] = [];
  for (let at = TLV_HEAD; at < size; ) {
    if (at + TLV_HEAD > size) return malformed(`a ${name} TLV is cut off`);
    const type = u16le(octets, at);
    const end = at + TLV_HEAD + u16le(octets, at + 2);
    if (end > size) return malformed(`a ${name} TLV is longer than its area`);
    if (tlvs.length === MAX_TLVS) return malformed(`more than ${MAX_TLVS} ${name} TLVs`);
    if (tlvs.some((tlv) => tlv.type === type)) return malformed(`${name} TLV ${type} stands twice`);
    tlvs.push({ type, value: octets.slice(at + TLV_HEAD, end) });
    at = end;
  }
  return { size, tlvs };
}

type Claims = Pick<Image, 'models' | 'load' | 'buildId' | 'hardwareRevisions' | 'protocol'>;

function readClaims(tlvs: readonly Tlv[]): Claims | Malformed {
  const text = new Map<number, string>();
  for (const { type, value } of tlvs) {
    if (!PROTECTED_TYPES.includes(type)) return malformed(`unknown protected TLV ${type}`);
    if (value.length === 0 || value.length > MAX_TEXT || !isPrintable(value)) {
      return malformed(`protected TLV ${type} is not printable text`);
    }
    text.set(type, textOf(value));
  }
  const models = text.get(TLV.models);
  const load = text.get(TLV.load);
  const buildId = text.get(TLV.buildId);
  if (models === undefined || load === undefined || buildId === undefined) {
    return malformed('models, load name or build id is missing');
  }
  const protocol = text.get(TLV.protocol) ?? null;
  if (protocol !== null && protocol !== 'sccp' && protocol !== 'sip') return malformed(`unknown protocol ${protocol}`);
  const hardwareRevisions = text.get(TLV.hardwareRevisions)?.split(',') ?? null;
  return { models: models.split(','), load, buildId, hardwareRevisions, protocol };
}

type Seal = Pick<Image, 'digest' | 'signature' | 'unknown'>;

function readSeal(tlvs: readonly Tlv[]): Seal | Malformed {
  let digest: Uint8Array | null = null;
  let keyId: string | null = null;
  let signature: Omit<Signature, 'keyId'> | null = null;
  const unknown: UnknownTlv[] = [];
  for (const { type, value } of tlvs) {
    if (type < FIRST_UNPROTECTED) return malformed(`protected TLV ${type} stands among the unprotected ones`);
    if (type === TLV.sha256) digest = value;
    else if (type === TLV.keyId) {
      if (value.length === 0 || value.length > MAX_TEXT || !isPrintable(value))
        return malformed('the key id is no text');
      keyId = textOf(value);
    } else if (type === TLV.ed25519 || type === TLV.ecdsaP256) {
      if (signature !== null) return malformed('two signatures');
      signature = { algorithm: type === TLV.ed25519 ? 'ed25519' : 'ecdsa-p256-sha256', octets: value };
    } else unknown.push({ type, value });
  }
  if (digest === null || digest.length !== 32) return malformed('the SHA-256 digest is missing');
  if ((keyId === null) !== (signature === null)) return malformed('key id and signature do not come together');
  return { digest, signature: signature && keyId !== null ? { keyId, ...signature } : null, unknown };
}

/** Hashes and signs for `emit`: the packer has Node's crypto, a board its secure element. */
export interface Sealer {
  sha256(octets: Uint8Array): Uint8Array;
  /** The signature over the digest as message; null leaves the image unsigned. */
  sign(digest: Uint8Array): Signature | null;
}

/** Makes an image. Throws RangeError for parts that no image can hold: what it makes, `parse` accepts. */
export function emit(parts: ImageParts, sealer: Sealer): Uint8Array {
  checkRanges(parts);
  const protectedArea = emitArea(PROTECTED_MAGIC, claimTlvs(parts));
  const signed = new Uint8Array(HEADER_SIZE + parts.body.length + protectedArea.length);
  emitHeader(parts, protectedArea.length, signed);
  signed.set(parts.body, HEADER_SIZE);
  signed.set(protectedArea, HEADER_SIZE + parts.body.length);
  return seal(signed, sealer);
}

/** Puts a new digest and signature behind octets that were signed before or never: `signed` is header, body, protected TLVs. */
export function seal(signed: Uint8Array, sealer: Sealer): Uint8Array {
  const digest = sealer.sha256(signed);
  const signature = sealer.sign(digest);
  const tlvs: Tlv[] = [{ type: TLV.sha256, value: digest }];
  if (signature !== null) {
    tlvs.push({ type: TLV.keyId, value: octetsOf(signature.keyId) });
    tlvs.push({ type: SIGNATURE_TLV[signature.algorithm], value: signature.octets });
  }
  const area = emitArea(UNPROTECTED_MAGIC, tlvs);
  const image = new Uint8Array(signed.length + area.length);
  image.set(signed, 0);
  image.set(area, signed.length);
  const read = parse(image);
  if (isMalformed(read)) throw new RangeError(`no image can be made of this: ${read.malformed}`);
  return image;
}

/** Throws when a number does not fit its field, so that nothing is cut off silently. */
function checkRanges(parts: ImageParts): void {
  const { version } = parts;
  const fields: [string, number, number][] = [
    ['major version', version.major, 0xff],
    ['minor version', version.minor, 0xff],
    ['revision', version.revision, 0xffff],
    ['build', version.build, 0xffff_ffff],
    ['HAL ABI', parts.halAbi, 0xffff],
    ['security counter', parts.securityCounter, 0xffff_ffff],
  ];
  for (const [name, value, max] of fields) {
    if (!Number.isInteger(value) || value < 0 || value > max)
      throw new RangeError(`${name} ${value} is not 0 to ${max}`);
  }
  for (const word of [...parts.models, ...(parts.hardwareRevisions ?? [])]) {
    if (word === '' || word.includes(',')) throw new RangeError(`"${word}" cannot stand in a list`);
  }
}

function emitHeader(parts: ImageParts, protectedSize: number, into: Uint8Array): void {
  const { version } = parts;
  putU32le(into, HEADER.magic, MAGIC);
  putU16le(into, HEADER.headerSize, HEADER_SIZE);
  putU16le(into, HEADER.halAbi, parts.halAbi);
  putU32le(into, HEADER.bodySize, parts.body.length);
  putU32le(into, HEADER.flags, parts.compression === 'deflate' ? FLAG_DEFLATE : 0);
  into[HEADER.major] = version.major;
  into[HEADER.minor] = version.minor;
  putU16le(into, HEADER.revision, version.revision);
  putU32le(into, HEADER.build, version.build);
  putU32le(into, HEADER.securityCounter, parts.securityCounter);
  putU16le(into, HEADER.protectedSize, protectedSize);
}

function claimTlvs(parts: ImageParts): Tlv[] {
  const tlvs: Tlv[] = [
    { type: TLV.models, value: octetsOf(parts.models.join(',')) },
    { type: TLV.load, value: octetsOf(parts.load) },
    { type: TLV.buildId, value: octetsOf(parts.buildId) },
  ];
  const { hardwareRevisions, protocol } = parts;
  if (hardwareRevisions) tlvs.push({ type: TLV.hardwareRevisions, value: octetsOf(hardwareRevisions.join(',')) });
  if (protocol) tlvs.push({ type: TLV.protocol, value: octetsOf(protocol) });
  return tlvs;
}

function emitArea(magic: number, tlvs: readonly Tlv[]): Uint8Array {
  const size = tlvs.reduce((sum, tlv) => sum + TLV_HEAD + tlv.value.length, TLV_HEAD);
  if (size > MAX_TLV_AREA) throw new RangeError(`TLVs of ${size} octets; an area holds ${MAX_TLV_AREA}`);
  const area = new Uint8Array(size);
  putU16le(area, 0, magic);
  putU16le(area, 2, size);
  let at = TLV_HEAD;
  for (const { type, value } of tlvs) {
    putU16le(area, at, type);
    putU16le(area, at + 2, value.length);
    area.set(value, at + TLV_HEAD);
    at += TLV_HEAD + value.length;
  }
  return area;
}

/** `9.4.2`, and `9.4.2+301` when there is a build number. */
export function versionText(version: Version): string {
  const text = `${version.major}.${version.minor}.${version.revision}`;
  return version.build === 0 ? text : `${text}+${version.build}`;
}

/** One line: `SCCP75.9-4-2SR3-1S 9.4.2+301 for 7975, ABI 1, counter 1, body 312345, sha256 12ab…, signed by development`. */
export function describe(image: Image): string {
  const signer = image.signature === null ? 'not signed' : `signed by ${image.signature.keyId}`;
  return (
    `${image.load} ${versionText(image.version)} for ${image.models.join(' ')}, ABI ${image.halAbi}, ` +
    `counter ${image.securityCounter}, body ${image.bodyLength}, sha256 ${hexOf(image.digest).slice(0, 16)}…, ${signer}`
  );
}
