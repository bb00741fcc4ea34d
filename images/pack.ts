import { deflateRawSync } from 'node:zlib';
import { HAL_ABI } from '../hal/hal.ts';
import { emit, type Image, type ImageParts, parse, seal } from '../storage/image-format.ts';
import { isMalformed } from '../storage/malformed-image.ts';
import { type SigningKey, sealerOf } from './key.ts';
import type { BundledPayload } from './payload.ts';

/** What one says about a payload to make an image of it. */
export interface PackOptions
  extends Omit<ImageParts, 'body' | 'compression' | 'halAbi' | 'buildId' | 'hardwareRevisions'> {
  /** Deflates the body: a third of the size to fetch and to store, at the price of inflating it at a first boot. */
  readonly compress?: boolean;
  /** The one of this source tree, unless a test wants another. */
  readonly halAbi?: number;
  /** First digits of the body's digest, unless told otherwise. */
  readonly buildId?: string;
  readonly hardwareRevisions?: readonly string[] | null;
}

/** An image out of a payload. `key` null leaves it unsigned. Throws RangeError for what no image can hold. */
export function packImage(payload: BundledPayload, options: PackOptions, key: SigningKey | null): Uint8Array {
  const parts: ImageParts = {
    ...(options.compress === true
      ? { body: new Uint8Array(deflateRawSync(payload.body, { level: 9 })), compression: 'deflate' as const }
      : { body: payload.body }),
    halAbi: options.halAbi ?? HAL_ABI,
    version: options.version,
    securityCounter: options.securityCounter,
    models: options.models,
    load: options.load,
    buildId: options.buildId ?? payload.digest.slice(0, 16),
    hardwareRevisions: options.hardwareRevisions ?? null,
    protocol: options.protocol,
  };
  return emit(parts, sealerOf(key));
}

/** A file that is no image. The message is one sentence. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

/** Signs an image anew; its old signature, if any, goes. Throws ImageError when it is none. */
export function signImage(octets: Uint8Array, key: SigningKey): Uint8Array {
  const image = readImage(octets);
  return seal(octets.slice(0, image.signedLength), sealerOf(key));
}

/** Throws ImageError for what is not exactly one well-formed image. */
export function readImage(octets: Uint8Array): Image {
  const image = parse(octets);
  if (isMalformed(image)) throw new ImageError(`This is not an image: ${image.malformed}.`);
  if (image.length !== octets.length) {
    throw new ImageError(`${octets.length - image.length} octets follow the image.`);
  }
  return image;
}
