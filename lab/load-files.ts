/**
 * Loads as a call manager's TFTP service has them: `<load>.loads`, a signed header and a list of files, and beside it the files. An image in Sepia's own
 * format is one file named `<load>.img`; a vendor's load can be laid out from files that the user brings.
 *
 * The header is the one that firmware of the 79xx to 89xx has: version 1.1, SHA-1, a signer that is a dummy in every file seen. The vendor's key is not
 * public, so the signature is zeros unless a key is given; telephones of ours verify it only when they have been told the key (`firmwareKey`).
 */

import { type KeyObject, sign } from 'node:crypto';
import * as tlv from '../firmware/wire/tlv-container.ts';
import { hexOf } from '../storage/ascii.ts';
import { parse } from '../storage/image-format.ts';
import { isMalformed } from '../storage/malformed-image.ts';
import type { FileProvider } from './tftp-server.ts';

/** One load: its name, and all its files by name, the `.loads` file among them. */
export interface Load {
  readonly name: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** One line of a `.loads` file. */
export interface LoadLine {
  readonly name: string;
  /** Octets and hexadecimal digest, as 792x and our own files state them. */
  readonly size?: number;
  readonly digest?: string;
}

export interface LoadOptions {
  /** RSA private key that signs; without one the signature is zeros. */
  readonly key?: KeyObject;
}

const SIGNER = 'CN=someSigner;OU=someOrgUnit;O=someOrg';
const ISSUER = 'CN=someCA;OU=someOrgUnit;O=someOrg';
const SERIAL = Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xef);

/** Signature sizes in octets by their code (tag 11). */
const MODULUS_CODES: ReadonlyMap<number, number> = new Map([
  [64, 0],
  [128, 1],
  [256, 2],
  [512, 3],
]);
const UNSIGNED_LENGTH = 256;
const SHA1 = 1;
const RSA = 0;
const ALIGNMENT = 4;

/** Puts the signed header before a file of firmware. Throws RangeError for a key whose size has no code. */
export function firmwareFile(name: string, payload: Uint8Array, key?: KeyObject): Uint8Array {
  const length = key === undefined ? UNSIGNED_LENGTH : (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  const modulus = MODULUS_CODES.get(length);
  if (modulus === undefined) throw new RangeError(`no code for an RSA key of ${length * 8} bits`);
  const header = headerOf(name, new Uint8Array(length), modulus);
  const file = new Uint8Array(header.headerLength + payload.length);
  tlv.emit(header, file);
  file.set(payload, header.headerLength);
  if (key === undefined) return file;
  // Signed is the file without the whole signature element.
  const at = offsetOfSignature(file);
  const rest = Buffer.concat([file.subarray(0, at), file.subarray(at + 3 + length)]);
  file.set(sign('sha1', rest, key), at + 3);
  return file;
}

/** A `.loads` file, named after its load. */
export function loadsFile(load: string, lines: readonly LoadLine[], options: LoadOptions = {}): Uint8Array {
  const text = lines.map(({ name, size, digest }) =>
    [name, size, digest].filter((part) => part !== undefined).join(' '),
  );
  return firmwareFile(`${load}.loads`, Buffer.from([`# ${load}`, ...text, ''].join('\r\n')), options.key);
}

/** The load that consists of an image in Sepia's format. Throws RangeError for what is no image. */
export function imageLoad(image: Uint8Array, options: LoadOptions = {}): Load {
  const parsed = parse(image);
  if (isMalformed(parsed)) throw new RangeError(`this is no image: ${parsed.malformed}`);
  const { load, digest } = parsed;
  const name = `${load}.img`;
  const list = loadsFile(load, [{ name, size: image.length, digest: hexOf(digest) }], options);
  return {
    name: load,
    files: new Map([
      [`${load}.loads`, list],
      [name, image],
    ]),
  };
}

/** A load out of a vendor's files, each of which has its own header already. */
export function vendorLoad(load: string, files: ReadonlyMap<string, Uint8Array>, options: LoadOptions = {}): Load {
  const list = loadsFile(
    load,
    [...files.keys()].map((name) => ({ name })),
    options,
  );
  return { name: load, files: new Map([[`${load}.loads`, list], ...files]) };
}

/** Serves loads, and asks `others` for what is in none of them. */
export function loadFiles(loads: readonly Load[], others: FileProvider = () => null): FileProvider {
  const files = new Map(loads.flatMap((load) => [...load.files]));
  return (request) => files.get(request.name) ?? others(request);
}

function headerOf(name: string, signature: Uint8Array, modulus: number): tlv.Container {
  const { TAGS } = tlv;
  const leaf = (tag: number, value: Uint8Array): tlv.Element => ({ tag, offset: 0, value });
  const group = (tag: number, children: tlv.Element[]): tlv.Element => ({
    tag,
    offset: 0,
    value: new Uint8Array(0),
    children,
  });
  const text = (value: string): Uint8Array => Buffer.from(`${value}\0`, 'latin1');
  const build = (headerLength: number, padding: number): tlv.Container => ({
    headerLength,
    elements: [
      leaf(TAGS.version, Uint8Array.of(1, 1)),
      leaf(TAGS.headerLength, Uint8Array.of(headerLength >> 8, headerLength & 0xff)),
      group(TAGS.signerId, [
        leaf(TAGS.signerName, text(SIGNER)),
        leaf(TAGS.serialNumber, SERIAL),
        leaf(TAGS.caName, text(ISSUER)),
      ]),
      group(TAGS.signatureInfo, [
        leaf(TAGS.digestAlgorithm, Uint8Array.of(SHA1)),
        group(TAGS.signatureAlgorithmInfo, [
          leaf(TAGS.signatureAlgorithm, Uint8Array.of(RSA)),
          leaf(TAGS.signatureModulus, Uint8Array.of(modulus)),
        ]),
      ]),
      leaf(TAGS.signature, signature),
      leaf(TAGS.filename, text(name)),
      ...Array.from({ length: padding }, () => leaf(TAGS.padding, new Uint8Array(0))),
    ],
  });
  const bare = tlv.lengthOf(build(0, 0));
  const padding = (ALIGNMENT - (bare % ALIGNMENT)) % ALIGNMENT;
  return build(bare + padding, padding);
}

function offsetOfSignature(file: Uint8Array): number {
  const header = tlv.parse(file);
  const element = 'elements' in header ? header.elements.find((one) => one.tag === tlv.TAGS.signature) : undefined;
  if (element === undefined) throw new Error('a header of our own cannot be read');
  return element.offset;
}
