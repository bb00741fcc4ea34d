import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serialNumber } from '../device/identity.ts';
import { hardwareRevisionOf } from '../device/models.ts';
import type { ModelRow } from '../hal/board.ts';
import type { BootKey } from '../hal/secure.ts';
import { VirtualFlash } from '../hal/virtual/flash.ts';
import { createFlashBase, type FlashBase } from '../hal/virtual/flash-base.ts';
import {
  type CreateOptions,
  createFlash,
  imageDirectory,
  imageFileName,
  RECOVERY,
  sourceMapName,
} from '../images/public.ts';
import { FLASH_SIZE } from '../storage/flash-map.ts';

/** Reads a built image by its name without `.img`. */
export type ImageReader = (name: string) => Uint8Array;

/** Images as set-up leaves them in `images/build`. */
export const readBuiltImage: ImageReader = (name) =>
  new Uint8Array(readFileSync(join(imageDirectory(), imageFileName(name))));

/** The source map of a built payload, by the digest of its body; null for a payload that was built elsewhere. */
export function readBuiltSourceMap(bodyDigest: string): string | null {
  const path = join(imageDirectory(), sourceMapName(bodyDigest));
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

const sha256 = (octets: Uint8Array) => new Uint8Array(createHash('sha256').update(octets).digest());

/**
 * Flash parts as they leave the factory, by load. All parts of one load share the octets; the board record in them is that of the first phone, since
 * a part in memory dies with its board and is never plugged into another.
 */
export class FlashStock {
  readonly #images: ImageReader;
  readonly #factory: Pick<CreateOptions, 'bootKeys' | 'allowUnsigned'>;
  readonly #bases = new Map<string, FlashBase>();

  constructor(images: ImageReader, bootKeys: readonly BootKey[], allowUnsigned = false) {
    this.#images = images;
    this.#factory = { bootKeys, allowUnsigned };
  }

  /** @param load name of the image in slot A. */
  take(model: ModelRow, mac: number, load: string): VirtualFlash {
    const key = `${model.name}/${load}`;
    let base = this.#bases.get(key);
    if (base === undefined) {
      base = this.#make(model, mac, this.#images(load));
      this.#bases.set(key, base);
    }
    return new VirtualFlash(base, FLASH_SIZE);
  }

  /** A part of its own with this image in slot A. Throws FlashToolError when the phone would refuse it. */
  single(model: ModelRow, mac: number, image: Uint8Array): VirtualFlash {
    return new VirtualFlash(this.#make(model, mac, image), FLASH_SIZE);
  }

  #make(model: ModelRow, mac: number, image: Uint8Array): FlashBase {
    const part = new VirtualFlash(createFlashBase(new Uint8Array(0), sha256), FLASH_SIZE);
    createFlash(part, {
      identity: {
        model: model.name,
        mac,
        serial: serialNumber(mac),
        hardwareRevision: hardwareRevisionOf(model),
      },
      ...this.#factory,
      recovery: this.#images(RECOVERY),
      image,
    });
    return createFlashBase(part.read(0, FLASH_SIZE), sha256);
  }
}
