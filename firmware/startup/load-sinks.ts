import type { BootServices, Installer, InstallRefusal } from '../../hal/entry-points.ts';
import type { Hashing, RsaCheck, SecureElement } from '../../hal/secure.ts';
import { hexOf } from '../../storage/ascii.ts';
import { hasHeader, judgeHeader } from '../phone/load-file.ts';
import type { SignedFile } from '../phone/trust/signed-file.ts';
import type { Rejected } from '../phone/trust/verdict.ts';
import { beginCheck, mismatch } from '../phone/trust/verify-signature.ts';
import type { FileSink } from '../protocols/file-outcome.ts';
import type { StoredComponent } from './stored-load.ts';

/** Told how much of a file has come. */
type OnProgress = (bytes: number) => void;

/** An image of ours on its way into the slot that is not running. */
export class ImageSink implements FileSink {
  readonly #services: BootServices;
  readonly #size: number | null;
  readonly #load: string | null;
  readonly #onProgress: OnProgress;
  #installer: Installer | null = null;
  #bytes = 0;
  /** Why the bootloader does not take it: kind and sentence. */
  refusal: { readonly kind: InstallRefusal; readonly detail: string } | null = null;

  /**
   * @param size the whole image in octets; null when nobody said.
   * @param load the name that the image has to have; null for any.
   */
  constructor(services: BootServices, size: number | null, load: string | null, onProgress: OnProgress) {
    this.#services = services;
    this.#size = size;
    this.#load = load;
    this.#onProgress = onProgress;
  }

  begin(): void {
    this.abort();
    this.refusal = null;
    this.#bytes = 0;
    const installer = this.#services.beginInstall(this.#size, this.#load ?? undefined);
    if (typeof installer === 'string') this.refusal = { kind: 'size', detail: installer };
    else this.#installer = installer;
  }

  push(octets: Uint8Array): boolean {
    if (this.#installer === null) return false;
    if (!this.#take(this.#installer, this.#installer.write(octets))) return false;
    this.#bytes += octets.length;
    this.#onProgress(this.#bytes);
    return true;
  }

  /** Verifies the image and marks its slot for the trial boot. False: it was refused. */
  finish(): boolean {
    const installer = this.#installer;
    return installer !== null && this.#take(installer, installer.finish());
  }

  /** Leaves the slot empty. */
  abort(): void {
    this.#installer?.abort();
    this.#installer = null;
  }

  #take(installer: Installer, error: string | null): boolean {
    if (error === null) return true;
    this.refusal = { kind: installer.refusal ?? 'malformed', detail: error };
    this.#installer = null;
    return false;
  }
}

/** The header is looked at as soon as it can be there; real ones have 300 to 500 octets. */
const HEADER_ROOM = 2_048;

type SinkCrypto = Pick<SecureElement, 'beginHash' | 'beginVerifyRsa'>;

/** A vendor's file on its way to nowhere: its header is checked, its signature too where the firmware key is known, its digest is kept. */
export class DigestSink implements FileSink {
  readonly #secure: SinkCrypto;
  readonly #name: string;
  readonly #key: Uint8Array | null;
  readonly #onProgress: OnProgress;
  #hashing: Hashing;
  #size = 0;
  /** The beginning of the file until its header was looked at; null afterwards. */
  #start: number[] | null = null;
  /** The signature of a file with a header, on a phone that was told the firmware key. */
  #signature: { readonly check: RsaCheck; readonly header: SignedFile } | null = null;
  rejection: Rejected | null = null;

  /** @param key the firmware key, DER; null verifies no signature, since the real key is not public. */
  constructor(secure: SinkCrypto, name: string, key: Uint8Array | null, onProgress: OnProgress) {
    this.#secure = secure;
    this.#name = name;
    this.#key = key;
    this.#onProgress = onProgress;
    this.#hashing = secure.beginHash('sha256');
  }

  begin(): void {
    this.#hashing = this.#secure.beginHash('sha256');
    this.#size = 0;
    this.#start = hasHeader(this.#name) ? [] : null;
    this.#signature = null;
  }

  push(octets: Uint8Array): boolean {
    this.#hashing.update(octets);
    this.#size += octets.length;
    this.#onProgress(this.#size);
    if (this.#start === null) {
      this.#signature?.check.update(octets);
      return true;
    }
    for (const octet of octets) this.#start.push(octet);
    return this.#start.length < HEADER_ROOM || this.#checkHeader();
  }

  /** What is kept of the file; null when its header was refused. */
  finish(): StoredComponent | null {
    if (!this.#checkHeader() || !this.#checkSignature()) return null;
    return { name: this.#name, size: this.#size, sha256: hexOf(this.#hashing.digest()) };
  }

  #checkHeader(): boolean {
    if (this.#start !== null) {
      const start = Uint8Array.from(this.#start);
      this.#start = null;
      const header = judgeHeader(this.#name, start);
      if ('outcome' in header) this.rejection = header;
      else if (this.#key !== null) this.#beginSignature(start, header, this.#key);
    }
    return this.rejection === null;
  }

  #beginSignature(start: Uint8Array, header: SignedFile, key: Uint8Array): void {
    const check = beginCheck(header, key, this.#secure);
    if ('outcome' in check) {
      this.rejection = check;
      return;
    }
    for (const [from, to] of header.signedRanges) check.update(start.subarray(from, to));
    this.#signature = { check, header };
  }

  #checkSignature(): boolean {
    if (this.#signature === null) return true;
    const { check, header } = this.#signature;
    if (check.verify(header.signature)) return true;
    this.rejection = mismatch(header);
    return false;
  }
}
