/**
 * The locally significant certificate (LSC) in flash, with its key as the secure element has sealed it: to anybody but that element the key is noise. Both stand in
 * one record, so that after a power cut there is the old pair or the new one, and never a certificate without its key.
 */
import type { SecureElement } from '../../../hal/secure.ts';
import type { RecordStore } from '../../../storage/record-store.ts';

/** In the trust region. */
const FOLDER = 'identity/';
const KEY = `${FOLDER}lsc`;

/** Length of the sealed key, big-endian, before it; the certificate, DER, is the rest. */
const LENGTH_OCTETS = 2;

type Element = Pick<SecureElement, 'loadLsc' | 'unloadLsc'>;

/** At boot: the element has forgotten it. False when there is none that it can use. */
export function restoreLsc(store: RecordStore, element: Element): boolean {
  const record = store.get(KEY);
  if (record === null || record.length < LENGTH_OCTETS) return false;
  const certificateAt = LENGTH_OCTETS + ((record[0]! << 8) | record[1]!);
  return element.loadLsc(record.subarray(LENGTH_OCTETS, certificateAt), record.subarray(certificateAt));
}

/**
 * Uses the pair from now on, and at every boot.
 * @returns null, or a sentence saying why the one before stays.
 */
export function installLsc(
  store: RecordStore,
  element: Element,
  sealed: Uint8Array,
  certificate: Uint8Array,
): string | null {
  const record = new Uint8Array(LENGTH_OCTETS + sealed.length + certificate.length);
  record[0] = sealed.length >> 8;
  record[1] = sealed.length;
  record.set(sealed, LENGTH_OCTETS);
  record.set(certificate, LENGTH_OCTETS + sealed.length);
  if (!element.loadLsc(sealed, certificate)) return 'The certificate is not for the key that was made for it.';
  const problem = store.set(KEY, record);
  if (problem === null) return null;
  // What is in flash counts.
  element.unloadLsc();
  restoreLsc(store, element);
  return problem;
}

/** Its octets leave the flash. */
export function deleteLsc(store: RecordStore, element: Pick<Element, 'unloadLsc'>): void {
  store.clear(FOLDER);
  element.unloadLsc();
}
