import {
  CaptureError,
  type CaptureSummary,
  explainCapture,
  fileSource,
  looksLikeTrace,
  type OctetSource,
  readTrace,
  type SeenEvent,
} from '../explain/public.ts';
import type { StreamEvent } from '../fleet/public.ts';
import { BootReport, type PhoneReport, reportText } from './boot-report.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { Output, type OutputOptions } from './output.ts';
import { styleFor } from './style.ts';
import { UsageError } from './usage-error.ts';

/** `sepia explain FILE`: the nine steps of each phone in a capture or a trace, and why it came no further. */
export function explain(file: string, options: OutputOptions): ExitCode {
  const output = new Output(options);
  const { reports, remarks } = explained(file);
  const style = styleFor(output.json ? process.stderr : process.stdout);
  for (const report of reports) {
    output.object(report);
    for (const line of reportText(report, style)) output.line(line);
  }
  for (const remark of remarks) output.line(remark);
  if (reports.length === 0) process.stderr.write(`${file}: no telephone is in it.\n`);
  const allRegistered = reports.length > 0 && reports.every(({ outcome }) => outcome === 'registered');
  return allRegistered ? EXIT.done : EXIT.failed;
}

interface Explained {
  readonly reports: readonly PhoneReport[];
  /** What the reader should know of the file. */
  readonly remarks: readonly string[];
}

function explained(file: string): Explained {
  const phones = new Map<string, BootReport>();
  const hear = (phone: string, event: StreamEvent): void => {
    const report = phones.get(phone) ?? new BootReport(phone);
    phones.set(phone, report);
    report.hear(event);
  };
  const remarks = readFile(file, (open) => {
    if (isTrace(open)) return readEvents(open, hear);
    const event = (seen: SeenEvent): void => hear(seen.phone, seen);
    return remarksOn(explainCapture(open, { event, message: () => {} }));
  });
  return { reports: [...phones.values()].map((report) => report.report()), remarks };
}

/** Whatever is wrong with the file is one sentence. */
function readFile<T>(file: string, read: (open: () => OctetSource) => T): T {
  try {
    return read(() => fileSource(file));
  } catch (error) {
    if (error instanceof CaptureError) throw new UsageError(`${file} ${error.message}`);
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) throw new UsageError(`${file} cannot be read: ${code}.`);
    throw error;
  }
}

function isTrace(open: () => OctetSource): boolean {
  const source = open();
  try {
    return looksLikeTrace(source);
  } finally {
    source.close();
  }
}

function readEvents(open: () => OctetSource, hear: (phone: string, event: StreamEvent) => void): string[] {
  const source = open();
  try {
    readTrace(source, (event, line) => {
      if (event.phone === undefined) return;
      try {
        hear(event.phone, event);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        throw new CaptureError(`is no trace: line ${line}, ${event.type}, lacks fields of such an event.`);
      }
    });
    return [];
  } finally {
    source.close();
  }
}

function remarksOn({ frames, seconds, isCut, otherLinks }: CaptureSummary): string[] {
  const remarks = [`${frames} frames in ${seconds.toFixed(3)} s.`];
  if (isCut) remarks.push('The file ends within a frame: the capture was cut off.');
  for (const [type, count] of otherLinks) {
    remarks.push(
      `${count} frames of link type ${type} were not looked at: only Ethernet is (capture on one interface, not on "any").`,
    );
  }
  return remarks;
}
