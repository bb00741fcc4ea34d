import type { BootKey } from '../hal/secure.ts';
import { hexOf, sameOctets } from '../storage/ascii.ts';
import { developmentBootKey } from '../storage/development-key.ts';
import { type Compression, type Image, versionText } from '../storage/image-format.ts';
import { sha256, verifySignature } from './key.ts';
import { readImage } from './pack.ts';

/** How far the signature of an image can be believed. */
export type SignatureFinding = 'verified' | 'unsigned' | 'unknown-key' | 'revoked-key' | 'bad-signature';

/** All that is in an image, as people and scripts read it. */
export interface ImageReport {
  readonly load: string;
  readonly version: string;
  readonly models: readonly string[];
  readonly hardwareRevisions: readonly string[] | null;
  readonly protocol: string | null;
  readonly buildId: string;
  readonly halAbi: number;
  readonly securityCounter: number;
  readonly headerSize: number;
  readonly bodySize: number;
  readonly compression: Compression;
  readonly size: number;
  /** SHA-256 over header, body and protected TLVs. */
  readonly digest: string;
  /** False: the image is damaged. */
  readonly digestMatches: boolean;
  readonly bodyDigest: string;
  readonly keyId: string | null;
  readonly algorithm: string | null;
  readonly signature: SignatureFinding;
}

/** Throws ImageError for what is no image. `keys`: those that count; without them the development key. */
export function inspectImage(octets: Uint8Array, keys: readonly BootKey[] = [developmentBootKey()]): ImageReport {
  const image = readImage(octets);
  const digest = sha256(octets.subarray(0, image.signedLength));
  return {
    load: image.load,
    version: versionText(image.version),
    models: image.models,
    hardwareRevisions: image.hardwareRevisions,
    protocol: image.protocol,
    buildId: image.buildId,
    halAbi: image.halAbi,
    securityCounter: image.securityCounter,
    headerSize: image.headerSize,
    bodySize: image.bodyLength,
    compression: image.compression,
    size: image.length,
    digest: hexOf(digest),
    digestMatches: sameOctets(digest, image.digest),
    bodyDigest: hexOf(sha256(octets.subarray(image.bodyOffset, image.bodyOffset + image.bodyLength))),
    keyId: image.signature?.keyId ?? null,
    algorithm: image.signature?.algorithm ?? null,
    signature: findSignature(image, digest, keys),
  };
}

function findSignature(image: Image, digest: Uint8Array, keys: readonly BootKey[]): SignatureFinding {
  const { signature } = image;
  if (signature === null) return 'unsigned';
  const key = keys.find((candidate) => candidate.id === signature.keyId);
  if (key === undefined) return 'unknown-key';
  if (key.revoked) return 'revoked-key';
  if (key.algorithm !== signature.algorithm) return 'bad-signature';
  return verifySignature(key.algorithm, key.publicKey, digest, signature.octets) ? 'verified' : 'bad-signature';
}

/** Null when the image is whole and signed by one of the keys; else one sentence. Throws ImageError for what is no image. */
export function verifyImage(octets: Uint8Array, keys?: readonly BootKey[]): string | null {
  const report = inspectImage(octets, keys);
  if (!report.digestMatches) return 'The digest does not match: the image is damaged.';
  switch (report.signature) {
    case 'verified':
      return null;
    case 'unsigned':
      return 'The image is not signed.';
    case 'unknown-key':
      return `The image is signed by key "${report.keyId}", which is not among the keys given.`;
    case 'revoked-key':
      return `The image is signed by key "${report.keyId}", which is revoked.`;
    case 'bad-signature':
      return `The signature does not verify by key "${report.keyId}".`;
  }
}
