import { createHash } from 'node:crypto';
import { judgeEncryptedFile, judgeFirmwareFile, judgeSignedFile } from '../firmware/phone/trust/judge-file.ts';
import { judgeTrustList, LIST_NAMES, type ListKind } from '../firmware/phone/trust/judge-list.ts';
import { looksSigned, parseSignedFile, type SignedFile } from '../firmware/phone/trust/signed-file.ts';
import { parseTrustList, type TrustRecord } from '../firmware/phone/trust/trust-list.ts';
import type { FileVerdict, ListVerdict, TrustContext } from '../firmware/phone/trust/verdict.ts';
import { FlashFile, FlashFileError } from '../hal/host/flash-file.ts';
import type { KeySlot } from '../hal/secure.ts';
import {
  type FlashInfo,
  FlashToolError,
  flashInfo,
  ImageError,
  type ImageReport,
  inspectImage,
} from '../images/public.ts';

export type FileKind = 'ctl' | 'itl' | 'signed' | 'encrypted' | 'config' | 'loads' | 'image' | 'flash' | 'unknown';

/** `unverified`: signed by a key that is built into phones and was not given. */
export type Outcome = 'verified' | 'rejected' | 'unsigned' | 'first-use' | 'unverified';

export interface RecordReport {
  /** Null for a code that nobody has described. */
  readonly role: string | null;
  readonly roleCode: number;
  readonly subject: string | null;
  readonly issuer: string | null;
  readonly serial: string | null;
  readonly dns: string;
  readonly ip: string | null;
  /** For example `RSA-2048`; null without a certificate that can be read. */
  readonly key: string | null;
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  /** SHA-256 of the certificate, or the hash that stands in for it. */
  readonly certificateHash: string | null;
}

/** All that `sepia inspect` says about one file; a field that does not apply is absent. */
export interface FileReport {
  readonly file: string;
  readonly kind: FileKind;
  readonly outcome: Outcome;
  readonly reason?: string;
  /** A sentence about the reason. */
  readonly detail?: string;
  readonly size: number;
  readonly signer?: { readonly subject: string; readonly issuer: string; readonly serial: string };
  readonly digest?: string | null;
  readonly version?: string;
  readonly signerVersion?: string | null;
  readonly filename?: string;
  readonly timestamp?: number | null;
  readonly records?: readonly RecordReport[];
  readonly payloadSize?: number;
  readonly payloadSha256?: string;
  /** Root element of a configuration. */
  readonly root?: string;
  readonly image?: ImageReport;
  readonly flash?: FlashInfo;
}

/** What a file is held against. */
export interface Inspection {
  /** The name a phone would have asked by; null takes the file for what it says it is. */
  readonly as: string | null;
  readonly context: TrustContext;
  /** Where the phone's key is; null without one. */
  readonly slot: KeySlot | null;
  /** The AES key that is typed on the phone, for configurations encrypted with such a one; null without one. */
  readonly typedKey: Uint8Array | null;
  /** DER public key that firmware files are verified with; null without one. */
  readonly imageKey: Uint8Array | null;
}

export function reportOn(path: string, octets: Uint8Array, inspection: Inspection): FileReport {
  const facts = { file: path, size: octets.length };
  const kind = kindOf(octets, inspection.as);
  switch (kind) {
    case 'ctl':
    case 'itl':
      return { ...facts, kind, ...aboutList(kind, octets, inspection.context) };
    case 'signed':
    case 'encrypted':
    case 'loads':
      return { ...facts, kind, ...aboutSigned(kind, octets, inspection) };
    case 'config':
      return { ...facts, kind, outcome: 'unsigned', ...rootOf(octets) };
    default:
      return { ...facts, ...(aboutImage(octets) ?? aboutFlash(path) ?? { kind: 'unknown', outcome: 'unsigned' }) };
  }
}

/** By the name it was asked for; without one, or with one that says nothing, by what is in it. */
function kindOf(octets: Uint8Array, as: string | null): FileKind {
  return (as === null ? null : kindOfName(as)) ?? kindOfContent(octets);
}

function kindOfName(name: string): FileKind | null {
  if (/^CTL.*\.tlv$/i.test(name)) return 'ctl';
  if (/^ITL.*\.tlv$/i.test(name)) return 'itl';
  if (name.endsWith('.enc.sgn')) return 'encrypted';
  if (name.endsWith('.sgn')) return 'signed';
  return name.endsWith('.loads') ? 'loads' : null;
}

function kindOfContent(octets: Uint8Array): FileKind {
  if (looksSigned(octets)) {
    const file = parseSignedFile(octets);
    if (!('filename' in file)) return 'signed';
    if (file.filename === LIST_NAMES.ctl) return 'ctl';
    if (file.filename === LIST_NAMES.itl) return 'itl';
    if (file.encryption !== null) return 'encrypted';
    return isFirmware(file) ? 'loads' : 'signed';
  }
  return rootOf(octets) === null ? 'unknown' : 'config';
}

/** Header version 1.1 is that of firmware: `.loads`, `.sbn` and their like. */
function isFirmware({ filename, version }: SignedFile): boolean {
  return filename.endsWith('.loads') || (version.major === 1 && version.minor === 1);
}

type About = Omit<FileReport, 'file' | 'kind' | 'size'>;

function aboutList(kind: ListKind, octets: Uint8Array, context: TrustContext): About {
  const verdict = judgeTrustList(kind, octets, context);
  const list = parseTrustList(octets);
  const records = 'records' in list ? { records: list.records.map((record) => aboutRecord(record, context)) } : {};
  return { ...aboutVerdict(verdict), ...aboutHeader(octets), ...records };
}

function aboutRecord(record: TrustRecord, { crypto }: TrustContext): RecordReport {
  const { role, roleCode, name, dnsName, ipAddress, certificate, certificateHash } = record;
  const fields = certificate === null ? null : crypto.certificate(certificate);
  const hash = certificate === null ? certificateHash : crypto.hash('sha256', certificate);
  return {
    role,
    roleCode,
    subject: name?.subject ?? null,
    issuer: name?.issuer ?? null,
    serial: name?.serial ?? null,
    dns: dnsName,
    ip: ipAddress === null ? null : ipText(ipAddress),
    key: fields?.key ?? null,
    notBefore: fields === null ? null : dateText(fields.notBefore),
    notAfter: fields === null ? null : dateText(fields.notAfter),
    certificateHash: hash === null ? null : Buffer.from(hash).toString('hex'),
  };
}

function aboutSigned(kind: 'signed' | 'encrypted' | 'loads', octets: Uint8Array, inspection: Inspection): About {
  const { context, slot, typedKey, imageKey } = inspection;
  const header = looksSigned(octets) ? parseSignedFile(octets) : null;
  // Without the name it was asked for by, a file is taken to have been asked for by its own.
  const name = inspection.as ?? (header !== null && 'filename' in header ? header.filename : '');
  if (kind === 'loads' && imageKey === null && header !== null && 'filename' in header && header.filename === name) {
    const detail = 'The key that signs firmware is built into the phone; --image-key gives it.';
    const unverified = { outcome: 'unverified', reason: 'no-image-key', detail } as const;
    return { ...unverified, ...aboutHeader(octets), ...aboutPayload(header.payload) };
  }
  const verdict =
    kind === 'loads' && imageKey !== null
      ? judgeFirmwareFile(name, octets, imageKey, context.crypto)
      : kind === 'encrypted'
        ? judgeEncryptedFile(name, octets, context, slot, typedKey)
        : judgeSignedFile(name, octets, context);
  const about = { ...aboutVerdict(verdict), ...aboutHeader(octets) };
  if (verdict.outcome !== 'verified') return about;
  if (kind !== 'encrypted' || slot !== null || typedKey !== null) return { ...about, ...aboutPayload(verdict.payload) };
  return { ...about, reason: 'not-decrypted', detail: "The signature is verified; --key gives the phone's key." };
}

function aboutVerdict(verdict: ListVerdict | FileVerdict): Pick<FileReport, 'outcome' | 'reason' | 'detail'> {
  switch (verdict.outcome) {
    case 'verified':
      return { outcome: 'verified' };
    case 'first-use':
      return {
        outcome: 'first-use',
        detail: 'Nothing is installed that could verify it; it is signed by its own SAST.',
      };
    case 'ask-tvs': {
      const roles = verdict.roles.join(' or ');
      const detail = `The signer is in no installed trust list; a phone would ask TVS for it in role ${roles}.`;
      return { outcome: 'rejected', reason: 'signer-unknown', detail };
    }
    case 'rejected':
      return { outcome: 'rejected', reason: verdict.reason, detail: verdict.detail };
  }
}

function aboutHeader(octets: Uint8Array): Partial<About> {
  const file = looksSigned(octets) ? parseSignedFile(octets) : null;
  if (file === null || !('filename' in file)) return {};
  const { subject, issuer, serial } = file.signer;
  const { version, signerVersion } = file;
  return {
    signer: { subject, issuer, serial },
    digest: file.digest,
    version: `${version.major}.${version.minor}`,
    signerVersion: signerVersion === null ? null : `${signerVersion.major}.${signerVersion.minor}`,
    filename: file.filename,
    timestamp: file.timestamp,
  };
}

function aboutPayload(payload: Uint8Array): Pick<FileReport, 'payloadSize' | 'payloadSha256'> {
  return { payloadSize: payload.length, payloadSha256: createHash('sha256').update(payload).digest('hex') };
}

/** Configurations have one of two roots. Null for anything else. */
function rootOf(octets: Uint8Array): { readonly root: string } | null {
  const text = Buffer.from(octets.buffer, octets.byteOffset, Math.min(octets.length, 4_096)).toString('utf8');
  const root = /^\uFEFF?\s*(?:<[?!][^>]*>\s*)*<([A-Za-z]+)[\s>]/.exec(text)?.[1];
  return root === 'device' || root === 'Default' ? { root } : null;
}

function aboutImage(octets: Uint8Array): (About & { readonly kind: 'image' }) | null {
  try {
    const image = inspectImage(octets);
    const { version, signature, digestMatches } = image;
    const facts = { kind: 'image', version, image } as const;
    if (!digestMatches) return { ...facts, outcome: 'rejected', reason: 'digest-mismatch' };
    if (signature === 'verified' || signature === 'unsigned') return { ...facts, outcome: signature };
    return { ...facts, outcome: 'rejected', reason: signature };
  } catch (error) {
    if (error instanceof ImageError) return null;
    throw error;
  }
}

function aboutFlash(path: string): (About & { readonly kind: 'flash' }) | null {
  let flash: FlashFile | null = null;
  try {
    flash = FlashFile.open(path, { readOnly: true });
    return { kind: 'flash', outcome: 'unsigned', flash: flashInfo(flash) };
  } catch (error) {
    if (error instanceof FlashFileError || error instanceof FlashToolError) return null;
    throw error;
  } finally {
    flash?.close();
  }
}

function ipText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

function dateText(seconds: number): string | null {
  return Number.isFinite(seconds) ? new Date(seconds * 1_000).toISOString().replace('.000', '') : null;
}
