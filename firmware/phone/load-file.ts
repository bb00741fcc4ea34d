/**
 * The `.loads` file of a load: a signed header (`trust/signed-file.ts`), behind it text that names the files which make up the load, one a line.
 *
 *     # comment
 *     #HARDWARE_COMP_1 5                    what hardware it is for, on 79xx; the meaning of the figures is not public
 *     jar42sccp.9-4-2ES26.sbn               79xx: a name and nothing else
 *     APPS-1.4.5SR1.bin  3071988  9c1f...   792x: name, octets, a digest
 *     SCCP75.9-4-3S.img  245704  1f0a...    ours: name of a Sepia image, octets, SHA-256 of its signed part (`sepia image inspect`)
 *     LA_VERSION=...                        7940: a setting, no file
 *     [PLATFORM_2]                          88xx: a section; which hardware it is for is not public, so all sections are taken
 *
 * Forms after the files that lists of public TFTP collections describe (provision_sccp).
 */
import { Malformed } from '../malformed.ts';
import { latin1 } from '../wire/text.ts';
import { judgeFirmwareFile, SIGNED } from './trust/judge-file.ts';
import { looksSigned, parseSignedFile, type SignedFile } from './trust/signed-file.ts';
import { type Rejected, rejected, type TrustCrypto } from './trust/verdict.ts';

export interface LoadComponent {
  readonly name: string;
  /** Octets; null when the line does not say. */
  readonly size: number | null;
  /** Lower-case hexadecimal; null when the line does not say. */
  readonly digest: string | null;
}

export interface LoadFile {
  /** In the order of the file. */
  readonly components: readonly LoadComponent[];
  /** Who says to have signed it: a dummy in the files of real phones. */
  readonly signer: string;
}

/** Real ones have two to twenty. */
const MAX_COMPONENTS = 64;
const MAX_LINES = 1_024;

/** What our own images end in. */
const IMAGE = '.img';

/** Files that begin with a signed header of their own. */
const WITH_HEADER = ['.sbn', '.sb2', SIGNED, '.loads'] as const;

const COMPONENT = /^([!-~]{1,128})(?:[ \t]+(\d{1,10}))?(?:[ \t]+([0-9A-Fa-f]{32}|[0-9A-Fa-f]{64}))?[ \t]*$/;

/**
 * @param name what was asked for; the header has to repeat it.
 * @param key the firmware key, DER, as `judgeFirmwareFile` takes it; null verifies no signature, since the real key is not public.
 */
export function judgeLoadFile(
  name: string,
  octets: Uint8Array,
  key: Uint8Array | null,
  crypto: TrustCrypto,
): LoadFile | Rejected {
  if (key !== null) {
    const verdict = judgeFirmwareFile(name, octets, key, crypto);
    if (verdict.outcome === 'ask-tvs') throw new Error('firmware is never a matter of TVS');
    if (verdict.outcome === 'rejected') return verdict;
  }
  const header = judgeHeader(name, octets);
  if ('outcome' in header) return header;
  const components = parseComponents(octets.subarray(header.headerLength));
  if (typeof components === 'string') return rejected('malformed', `The load file ${components}.`);
  return { components, signer: header.signer.subject };
}

/**
 * The header of a firmware file, of which no more than the beginning need be there: form and name, not the signature.
 */
export function judgeHeader(name: string, octets: Uint8Array): SignedFile | Rejected {
  if (octets.length === 0) return rejected('empty-file', 'The file is empty.');
  if (!looksSigned(octets)) return rejected('not-signed', 'The file has no signed header.');
  const file = parseSignedFile(octets);
  if (file instanceof Malformed) return rejected('malformed', `${file.protocol}: ${file.reason}.`);
  if (file.filename !== name) {
    return rejected('wrong-name', `The file calls itself ${file.filename}, not ${name}.`, file.signer);
  }
  return file;
}

export function isImage(component: LoadComponent): boolean {
  return component.name.endsWith(IMAGE);
}

/** Whether the file has to begin with a signed header. */
export function hasHeader(name: string): boolean {
  return WITH_HEADER.some((ending) => name.endsWith(ending));
}

/** A clause says what is wrong. */
function parseComponents(text: Uint8Array): LoadComponent[] | string {
  const lines = latin1(text).split('\n', MAX_LINES + 1);
  if (lines.length > MAX_LINES) return `has more than ${MAX_LINES} lines`;
  const components: LoadComponent[] = [];
  for (const raw of lines) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (/^\s*(#|\[|$)/.test(line) || line.includes('=')) continue;
    const match = COMPONENT.exec(line);
    if (match === null) return 'has a line that names no file';
    if (components.length === MAX_COMPONENTS) return `names more than ${MAX_COMPONENTS} files`;
    const [, name = '', size, digest] = match;
    components.push({
      name,
      size: size === undefined ? null : Number(size),
      digest: digest === undefined ? null : digest.toLowerCase(),
    });
  }
  if (components.length === 0) return 'names no file';
  return components;
}
