import {
  Calibration,
  CaptureError,
  type CaptureListener,
  type CaptureSummary,
  calibrationText,
  compareBoots,
  explainCapture,
  fileSource,
  looksLikeTrace,
  MOST_MESSAGES,
  type OctetSource,
  readTrace,
  type SeenMessage,
} from '../explain/public.ts';
import { PrivateFile, type StreamEvent } from '../fleet/public.ts';
import { BootReport, type PhoneReport, reportText } from './boot-report.ts';
import { differenceLine } from './difference-line.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { Output, type OutputOptions } from './output.ts';
import { styleFor } from './style.ts';
import { UsageError } from './usage-error.ts';
import { model } from './values.ts';

export interface ExplainTexts extends OutputOptions {
  readonly phone?: string;
  readonly against?: string;
  /** True without a file's name. */
  readonly calibrate?: string | true;
  readonly model?: string;
}

/** `sepia explain FILE`: the nine steps of each phone in a capture or a trace, and why it came no further. */
export function explain(file: string, texts: ExplainTexts): ExitCode {
  const output = new Output(texts);
  if (texts.calibrate !== undefined) return calibrate(file, texts.calibrate, texts, output);
  if (texts.model !== undefined) throw new UsageError('--model goes with --calibrate.');
  if (texts.against !== undefined) return compare(file, texts.against, texts, output);
  const { reports, remarks } = explained(file);
  const chosen = reports.filter(({ phone }) => texts.phone === undefined || phone === texts.phone);
  const style = styleFor(output.json ? process.stderr : process.stdout);
  for (const report of chosen) {
    output.object(report);
    for (const line of reportText(report, style)) output.line(line);
  }
  for (const remark of remarks) output.line(remark);
  if (chosen.length === 0) process.stderr.write(`${nobodyIn(file, texts.phone)}\n`);
  const allRegistered = chosen.length > 0 && chosen.every(({ outcome }) => outcome === 'registered');
  return allRegistered ? EXIT.done : EXIT.failed;
}

function nobodyIn(file: string, phone: string | undefined): string {
  return `${file}: ${phone === undefined ? 'no telephone' : `no telephone ${phone}`} is in it.`;
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
    if (isTrace(open)) {
      readEvents(open, hear);
      return [];
    }
    return remarksOn(explainCapture(open, { event: (seen) => hear(seen.phone, seen), message: () => {} }));
  });
  return { reports: [...phones.values()].map((report) => report.report()), remarks };
}

/** `--against OTHER`: message by message, up to the registration. */
function compare(file: string, other: string, { phone }: ExplainTexts, output: Output): ExitCode {
  const here = bootIn(file, phone);
  // The same phone on another day, or another phone.
  const there = bootIn(other, undefined, phone ?? here.phone);
  output.line(`${here.phone} in ${file}, against ${there.phone} in ${other}:`);
  const differences = compareBoots(here.messages, there.messages);
  for (const difference of differences) {
    output.object(difference);
    for (const line of differenceLine(difference)) output.line(line);
  }
  if (differences.length === 0) output.line(`No difference in ${here.messages.length} messages.`);
  return differences.length === 0 ? EXIT.done : EXIT.failed;
}

interface Boot {
  readonly phone: string;
  readonly messages: readonly SeenMessage[];
}

/** @param preferred a name that is taken where the file has it; else the first phone */
function bootIn(file: string, required: string | undefined, preferred?: string): Boot {
  const boots = new Map<string, SeenMessage[]>();
  const registered = new Set<string>();
  const listener: CaptureListener = {
    message: (phone, message) => {
      const messages = boots.get(phone) ?? [];
      boots.set(phone, messages);
      if (messages.length < MOST_MESSAGES && !registered.has(phone)) messages.push(message);
    },
    event: ({ phone, type }) => {
      if (type === 'registration.accepted') registered.add(phone);
    },
  };
  readFile(file, (open) => {
    if (isTrace(open)) throw new CaptureError('is a trace; --against compares captures.');
    explainCapture(open, listener);
  });
  const name = required ?? (preferred !== undefined && boots.has(preferred) ? preferred : [...boots.keys()][0]);
  const messages = name === undefined ? undefined : boots.get(name);
  if (name === undefined || messages === undefined) throw new UsageError(nobodyIn(file, required));
  return { phone: name, messages };
}

/** `--calibrate --model M`: what the capture shows, as a file for `--set @FILE`. */
function calibrate(file: string, into: string | true, { model: text, phone }: ExplainTexts, output: Output): ExitCode {
  if (text === undefined) throw new UsageError('--calibrate needs --model: what is the same in ours is told from it.');
  const row = model(text);
  const phones = new Map<string, Calibration>();
  const of = (name: string): Calibration => {
    const calibration = phones.get(name) ?? new Calibration(row);
    phones.set(name, calibration);
    return calibration;
  };
  readFile(file, (open) => {
    if (isTrace(open)) throw new CaptureError('is a trace; --calibrate needs a capture.');
    explainCapture(open, {
      event: (event) => of(event.phone).hear(event),
      message: () => {},
      packet: (name, packet, fromPhone) => {
        if (fromPhone) of(name).take(packet);
      },
    });
  });
  const found = phone === undefined ? [...phones.values()][0] : phones.get(phone);
  if (found === undefined) throw new UsageError(nobodyIn(file, phone));
  const calibrated = found.calibrated();
  const observed = found.observed();
  const result = calibrationText(calibrated, observed, row.name);
  output.object({ model: row.name, calibrated, observed });
  if (into === true) {
    if (!output.json) process.stdout.write(result);
    return EXIT.done;
  }
  const target = new PrivateFile(into);
  target.write(result);
  target.close();
  output.line(`Written to ${into}; sepia phone --set @${into} takes it.`);
  return EXIT.done;
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

function readEvents(open: () => OctetSource, hear: (phone: string, event: StreamEvent) => void): void {
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
