import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ListKind } from '../firmware/phone/trust/judge-list.ts';
import { parseTrustList, type TrustList } from '../firmware/phone/trust/trust-list.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { parseHex } from '../storage/ascii.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { type FileReport, type Inspection, reportOn } from './file-report.ts';
import { reportLines } from './file-report-text.ts';
import { Output, type OutputOptions } from './output.ts';

export interface InspectOptions extends OutputOptions {
  readonly as?: string;
  readonly ctl?: string;
  readonly itl?: string;
  readonly key?: string;
  readonly imageKey?: string;
}

/** What somebody wrote on the command line cannot be used. The message is one sentence. */
class InspectError extends Error {}

/** `sepia inspect FILE…`: what files are, what is in them, and what a phone with these lists would make of them. */
export function inspect(files: readonly string[], options: InspectOptions): ExitCode {
  const output = new Output(options);
  try {
    const inspection = inspectionOf(options);
    const reports = files.map((file): FileReport => {
      const report = reportOn(file, read(file), inspection);
      output.object(report);
      for (const line of reportLines(report)) output.line(line);
      return report;
    });
    return reports.some(({ outcome }) => outcome === 'rejected') ? EXIT.failed : EXIT.done;
  } catch (error) {
    if (!(error instanceof InspectError)) throw error;
    process.stderr.write(`sepia inspect: ${error.message}\n`);
    return EXIT.usage;
  }
}

function inspectionOf({ as, ctl, itl, key, imageKey }: InspectOptions): Inspection {
  const crypto = new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined });
  // 32 hexadecimal digits are the key itself, as it is typed on the phone.
  const octets = parseHex(key ?? '');
  const typedKey = octets?.length === 16 ? octets : null;
  const file = typedKey === null ? key : undefined;
  if (file !== undefined) crypto.installKey('lsc', privateKey(file));
  const installed = { ctl: installedList('ctl', ctl), itl: installedList('itl', itl) };
  return {
    as: as ?? null,
    context: { crypto, installed, vouched: null, olderList: 'rejected' },
    slot: file === undefined ? null : 'lsc',
    typedKey,
    imageKey: imageKey === undefined ? null : publicKey(imageKey),
  };
}

/** A file of no octets is what many servers serve for a list that they do not have. */
function installedList(kind: ListKind, path: string | undefined): TrustList | null {
  const octets = path === undefined ? null : read(path);
  if (octets === null || octets.length === 0) return null;
  const list = parseTrustList(octets);
  if (!('records' in list)) throw new InspectError(`--${kind} ${path} is not a trust list: ${list.reason}.`);
  return list;
}

function read(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new InspectError(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

function privateKey(path: string): Uint8Array {
  const text = Buffer.from(read(path));
  try {
    return new Uint8Array(createPrivateKey(text).export({ type: 'pkcs8', format: 'der' }));
  } catch {
    throw new InspectError(`--key ${path} is not a private key in PEM.`);
  }
}

/** Of a public key or of a certificate. */
function publicKey(path: string): Uint8Array {
  const text = Buffer.from(read(path));
  try {
    return new Uint8Array(createPublicKey(text).export({ type: 'spki', format: 'der' }));
  } catch {
    throw new InspectError(`--image-key ${path} is neither a public key nor a certificate in PEM.`);
  }
}
