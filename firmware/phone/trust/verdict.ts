/** What the phone makes of a file that it was given: types shared by everything that judges. */
import type { SecureElement } from '../../../hal/secure.ts';
import type { InstalledLists } from './installed-lists.ts';
import type { CertificateName, SignedFile } from './signed-file.ts';
import type { TrustList } from './trust-list.ts';

/** What verification needs of the secure element. */
export type TrustCrypto = Pick<SecureElement, 'hash' | 'verifyRsa' | 'certificate' | 'unwrapKey' | 'decryptAes128Cbc'>;

/** Why a file was refused, as stable slugs. */
export type Refusal =
  /** No octets at all; to be treated as if the file were not there. */
  | 'empty-file'
  | 'malformed'
  /** No signed header where one was asked for. */
  | 'not-signed'
  /** Made for another name: a renamed file, or one of another phone. */
  | 'wrong-name'
  | 'unknown-digest'
  | 'unknown-signature-algorithm'
  /** Nothing is installed that could vouch for a signer. */
  | 'no-trust-list'
  | 'signer-unknown'
  /** The signer is listed, but not for this. */
  | 'signer-role'
  | 'signature-mismatch'
  /** Signed before the list that is installed: an old file, replayed. */
  | 'older-list'
  | 'encrypted'
  | 'not-encrypted'
  /** Not wrapped for this phone's key, or damaged. */
  | 'key-unwrap'
  | 'cipher-text'
  | 'plain-text-digest'
  /** The flash did not take it. */
  | 'storage-full';

export interface Rejected {
  readonly outcome: 'rejected';
  readonly reason: Refusal;
  /** One sentence for engineers. */
  readonly detail: string;
  /** Who says to have signed it; null where that could not be read. */
  readonly signer: CertificateName | null;
}

/** A certificate that a trust verification service has answered with. */
export interface VouchedCertificate {
  /** X.509 DER. */
  readonly certificate: Uint8Array;
  /** Role codes it may be used in. */
  readonly roles: readonly number[];
}

/** What a verification is made against. */
export interface TrustContext {
  readonly crypto: TrustCrypto;
  readonly installed: InstalledLists;
  /** The answer of TVS about this file's signer; null while nobody was asked. */
  readonly vouched: VouchedCertificate | null;
  /** Whether a list signed before the installed one of its kind is taken. */
  readonly olderList: 'rejected' | 'accepted';
}

/** The signer is not in the lists, but a trust verification service is: if it vouches for that certificate in one of these roles, judge again. */
export interface AskTvs {
  readonly outcome: 'ask-tvs';
  readonly signer: CertificateName;
  readonly roles: readonly number[];
}

export type ListVerdict =
  /** `first-use`: nothing that could verify it is installed, so it is taken on trust; its own security token has signed it. */
  | { readonly outcome: 'verified' | 'first-use'; readonly signer: CertificateName; readonly list: TrustList }
  | AskTvs
  | Rejected;

export type FileVerdict =
  | {
      readonly outcome: 'verified';
      readonly signer: CertificateName;
      readonly file: SignedFile;
      /** What the file is about: behind the header, decrypted where it was encrypted. */
      readonly payload: Uint8Array;
    }
  | AskTvs
  | Rejected;

/** What no signature is asked of. */
export interface UnsignedFile {
  readonly outcome: 'unsigned';
  readonly payload: Uint8Array;
}

export function rejected(reason: Refusal, detail: string, signer: CertificateName | null = null): Rejected {
  return { outcome: 'rejected', reason, detail, signer };
}
