/** Which configuration file a phone asks for in which state of trust, what it makes of the answer, and what encryption asks of it next. */
import type { KeySlot } from '../../../hal/secure.ts';
import { hexOf } from '../../../storage/ascii.ts';
import { ENCRYPTED, judgeEncryptedFile, judgeSignedFile, SIGNED } from './judge-file.ts';
import { looksSigned } from './signed-file.ts';
import { type FileVerdict, rejected, type TrustContext, type TrustCrypto } from './verdict.ts';

const DEFAULT_FILE = 'XMLDefault.cnf.xml';

/** Names in the order in which they are asked for; the next one only after "file not found". */
export function configurationNames(
  deviceName: string,
  state: { readonly signed: boolean; readonly encrypted: boolean },
): readonly string[] {
  const own = `${deviceName}.cnf.xml`;
  if (!state.signed) return [own, DEFAULT_FILE];
  // There is no way back to the unsigned name: whoever can say "not found" could then say anything.
  const signed = [own + SIGNED, DEFAULT_FILE + SIGNED];
  return state.encrypted ? [own + ENCRYPTED, ...signed] : signed;
}

export type ConfigurationVerdict = FileVerdict | { readonly outcome: 'unsigned'; readonly payload: Uint8Array };

/** What came for one of `configurationNames`. */
export function judgeConfiguration(
  name: string,
  octets: Uint8Array,
  context: TrustContext,
  slot: KeySlot,
): ConfigurationVerdict {
  if (name.endsWith(ENCRYPTED)) return judgeEncryptedFile(name, octets, context, slot);
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
