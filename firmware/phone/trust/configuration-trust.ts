/** Which configuration file a phone asks for in which state of trust, what it makes of the answer, and what encryption asks of it next. */
import type { KeySlot } from '../../../hal/secure.ts';
import { hexOf } from '../../../storage/ascii.ts';
import { ENCRYPTED, judgeEncryptedFile, judgeSignedFile, openTypedFile, SIGNED } from './judge-file.ts';
import { looksSigned } from './signed-file.ts';
import { type FileVerdict, rejected, type TrustContext, type TrustCrypto, type UnsignedFile } from './verdict.ts';

const DEFAULT_FILE = 'XMLDefault.cnf.xml';

/** What decides which name is asked for. */
export interface NamingState {
  readonly signed: boolean;
  /** The last configuration said so. */
  readonly encrypted: boolean;
  /** A person has typed a key. */
  readonly typed: boolean;
}

/** Names in the order in which they are asked for; the next one only after "file not found". */
export function configurationNames(deviceName: string, { signed, encrypted, typed }: NamingState): readonly string[] {
  const own = `${deviceName}.cnf.xml`;
  // There is no way back to the unsigned name: whoever can say "not found" could then say anything.
  const names = signed ? [own + SIGNED, DEFAULT_FILE + SIGNED] : [own, DEFAULT_FILE];
  return typed || (signed && encrypted) ? [own + ENCRYPTED, ...names] : names;
}

export type ConfigurationVerdict = FileVerdict | UnsignedFile;

/** The keys that open configurations. */
export interface ConfigurationKeys {
  /** Of the phone's own certificate. */
  readonly slot: KeySlot;
  /** Typed by a person, AES-128; null without one. */
  readonly typed: Uint8Array | null;
  /** What the signature of a file that the typed key opens is worth. */
  readonly typedSignature: 'ignored' | 'verified';
}

/** What came for one of `configurationNames`. */
export function judgeConfiguration(
  name: string,
  octets: Uint8Array,
  context: TrustContext,
  { slot, typed, typedSignature }: ConfigurationKeys,
): ConfigurationVerdict {
  if (name.endsWith(ENCRYPTED)) {
    const opened =
      typed === null || typedSignature === 'verified' ? null : openTypedFile(name, octets, typed, context.crypto);
    return opened ?? judgeEncryptedFile(name, octets, context, slot, typed);
  }
  if (name.endsWith(SIGNED)) return judgeSignedFile(name, octets, context);
  if (looksSigned(octets)) return rejected('wrong-name', 'A signed file came where none was asked for.');
  return { outcome: 'unsigned', payload: octets };
}

/** What a configuration says about encryption. */
export interface EncryptionElements {
  readonly encrConfig: boolean;
  readonly certHash: string;
  readonly capfAuthMode: number;
}

/** The authentication string has to be typed by a person. */
const TYPED_STRING = 1;

/**
 * `plain`: nothing is encrypted. `encrypted`: the file is made for the phone's certificate and asked for from the next start on. `enrol`: the server
 * does not have the phone's key, so CAPF has to give it. `wait`: the same, but a person has to type a string first.
 */
export type EncryptionStep = 'plain' | 'encrypted' | 'enrol' | 'wait';

/** @param certificate the phone's own, DER: the LSC, else the MIC; null without one. */
export function encryptionStep(
  { encrConfig, certHash, capfAuthMode }: EncryptionElements,
  certificate: Uint8Array | null,
  crypto: Pick<TrustCrypto, 'hash'>,
): EncryptionStep {
  if (!encrConfig) return 'plain';
  if (certificate !== null && certHash.toLowerCase() === hexOf(crypto.hash('md5', certificate))) return 'encrypted';
  return capfAuthMode === TYPED_STRING ? 'wait' : 'enrol';
}
