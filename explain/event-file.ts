import { CaptureError } from './capture-reader.ts';
import type { OctetSource } from './octet-source.ts';

/** A line of a trace, as `--trace` and `--json` write it. */
export interface TraceLine {
  readonly at: number;
  readonly phone?: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The longest event is a configuration with its services, some kilobytes. */
const LONGEST_LINE = 1024 * 1024;
const PIECE = 64 * 1024;
const LF = 10;

/** Whether a file begins as a trace does and not as a capture. */
export function looksLikeTrace(source: OctetSource): boolean {
  const start = new Uint8Array(1);
  return source.read(start, 0, 1) === 1 && start[0] === 0x7b;
}

/**
 * The events of a trace, one object a line (NDJSON). Throws CaptureError for a line that is none; a last line that was cut off is left out.
 *
 * @param each gets the event and its line, from 1
 */
export function readTrace(source: OctetSource, each: (event: TraceLine, line: number) => void): void {
  const piece = new Uint8Array(PIECE);
  let held = Buffer.alloc(0);
  let line = 0;
  for (;;) {
    const count = source.read(piece, 0, PIECE);
    if (count === 0) break;
    const octets = Buffer.concat([held, piece.subarray(0, count)]);
    let from = 0;
    for (let end = octets.indexOf(LF); end !== -1; end = octets.indexOf(LF, from)) {
      take(octets.toString('utf8', from, end), ++line, each);
      from = end + 1;
    }
    held = octets.subarray(from);
    if (held.length > LONGEST_LINE) throw new CaptureError(`is no trace: line ${line + 1} does not end.`);
  }
  const last = held.toString('utf8').trim();
  // A trace that was cut off ends within a line.
  if (last.endsWith('}')) take(last, line + 1, each);
}

function take(text: string, line: number, each: (event: TraceLine, line: number) => void): void {
  if (text.trim() === '') return;
  const event = parsed(text);
  if (event === null || typeof event !== 'object')
    throw new CaptureError(`is no trace: line ${line} is not an object.`);
  const { at, type, phone } = event as Record<string, unknown>;
  if (typeof at !== 'number' || typeof type !== 'string' || (phone !== undefined && typeof phone !== 'string')) {
    throw new CaptureError(`is no trace: line ${line} lacks "at" or "type", or "phone" is no text.`);
  }
  each(event as TraceLine, line);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
