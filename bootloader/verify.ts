import type { InstallRefusal, SlotName } from '../hal/entry-points.ts';
import type { Flash } from '../hal/flash.ts';
import { HAL_ABI } from '../hal/hal.ts';
import type { BootKey, SecureElement } from '../hal/secure.ts';
import { hexOf, sameOctets } from '../storage/ascii.ts';
import { FLASH_MAP, imageCapacity } from '../storage/flash-map.ts';
import { ANY_MODEL, type Image, parseFrom } from '../storage/image-format.ts';
import { isMalformed } from '../storage/malformed-image.ts';

/** What the checks need of the board. */
export interface VerifyHal {
  readonly flash: Flash;
  readonly board: { readonly model: { readonly name: string }; readonly hardwareRevision: string };
  readonly secure: Pick<SecureElement, 'bootKeys' | 'verify'>;
}

export interface VerifyPolicy {
  /** An image below this security counter is refused. */
  readonly securityCounter: number;
  /** Runs an image whoever signed it, or nobody. Its digest has to be right all the same. */
  readonly allowUnsigned: boolean;
}

/** The key id of an image that was let through unsigned. */
export const UNSIGNED = 'unsigned';

export interface VerifiedImage {
  readonly image: Image;
  /** SHA-256 of the signed part, hexadecimal. */
  readonly digest: string;
  /** The boot key that verified it, or `unsigned`. */
  readonly keyId: string;
}

/** Why an image does not run: one clause in lower case, as the console and `boot.rejected` say it. */
export interface Refusal {
  readonly refused: string;
  readonly kind: InstallRefusal;
}

export function isRefusal(value: VerifiedImage | Refusal): value is Refusal {
  return 'refused' in value;
}

/** All that decides whether the image in a slot may run on this board. Its body is read by the flash part's hash engine only. */
export function verifySlot(hal: VerifyHal, slot: SlotName, policy: VerifyPolicy): VerifiedImage | Refusal {
  const offset = FLASH_MAP[slot].offset;
  const image = parseFrom({ size: imageCapacity(slot), read: (at, length) => hal.flash.read(offset + at, length) });
  if (isMalformed(image)) return { refused: image.malformed, kind: 'malformed' };
  const unfit = compatibility(image, hal.board);
  if (unfit !== null) return { refused: unfit, kind: 'incompatible' };
  const digest = hal.flash.sha256(offset, image.signedLength);
  if (!sameOctets(digest, image.digest))
    return { refused: 'the digest does not match: the image is damaged', kind: 'damaged' };
  const keyId = signer(hal, image, digest, policy);
  if (isRefusalText(keyId)) return keyId;
  if (image.securityCounter < policy.securityCounter) {
    return {
      refused: `security counter ${image.securityCounter} is below ${policy.securityCounter}`,
      kind: 'counter',
    };
  }
  return { image, digest: hexOf(digest), keyId };
}

/** Null when the image is made for this board. */
function compatibility(
  image: Pick<Image, 'halAbi' | 'models' | 'hardwareRevisions'>,
  board: VerifyHal['board'],
): string | null {
  if (image.halAbi !== HAL_ABI) return `it was built for HAL ABI ${image.halAbi}, this board has ${HAL_ABI}`;
  if (!image.models.includes(ANY_MODEL) && !image.models.includes(board.model.name)) {
    return `it is for ${image.models.join(', ')}, this is a ${board.model.name}`;
  }
  if (image.hardwareRevisions !== null && !image.hardwareRevisions.includes(board.hardwareRevision)) {
    return `it is for hardware revision ${image.hardwareRevisions.join(', ')}, this is ${board.hardwareRevision}`;
  }
  return null;
}

function signer(hal: VerifyHal, image: Image, digest: Uint8Array, policy: VerifyPolicy): string | Refusal {
  const { signature } = image;
  const verdict = signature === null ? unsigned('it is not signed') : checkSignature(hal, signature, digest);
  if (isRefusalText(verdict)) return policy.allowUnsigned ? UNSIGNED : verdict;
  return verdict.id;
}

function checkSignature(
  hal: VerifyHal,
  signature: NonNullable<Image['signature']>,
  digest: Uint8Array,
): BootKey | Refusal {
  const key = hal.secure.bootKeys.find((candidate) => candidate.id === signature.keyId);
  if (key === undefined) return unsigned(`its key "${signature.keyId}" is not in the fuses`);
  if (key.revoked) return unsigned(`its key "${key.id}" is revoked`);
  if (key.algorithm !== signature.algorithm) {
    return unsigned(`it is signed by ${signature.algorithm}, key "${key.id}" is for ${key.algorithm}`);
  }
  const good = hal.secure.verify(key.algorithm, key.publicKey, digest, signature.octets);
  return good ? key : unsigned(`the signature does not verify by key "${key.id}"`);
}

function unsigned(refused: string): Refusal {
  return { refused, kind: 'signature' };
}

function isRefusalText(value: string | BootKey | Refusal): value is Refusal {
  return typeof value === 'object' && 'refused' in value;
}
