import type { Command } from 'commander';
import { readOctets } from './files.ts';
import { UsageError } from './usage-error.ts';

/** Of a WAV file: format 7 is mu-law (RFC 2361 appendix A). */
const FORMAT_MULAW = 7;
const SAMPLE_RATE = 8_000;
const CHUNK_HEADER = 8;
const FIRST_CHUNK = 12;
const FORMAT_LENGTH = 16;

/** A quarter of an hour: every stream of every phone reads the one copy, which stays in memory. */
const MOST_OCTETS = 15 * 60 * SAMPLE_RATE;

export function withVoice(command: Command): Command {
  return command.option('--voice <file>', 'what is spoken into the phone: mu-law at 8 kHz, raw or as WAV, repeated');
}

/** Mu-law octets at 8 kHz; none where the option was not given. Throws UsageError. */
export function readVoice(path: string | undefined): { readonly microphone?: Uint8Array } {
  if (path === undefined) return {};
  const octets = readOctets(path);
  const microphone = tagAt(octets, 0) === 'RIFF' ? wavData(path, octets) : octets;
  if (microphone.length === 0) throw new UsageError(`--voice: ${path} has no sound in it.`);
  if (microphone.length <= MOST_OCTETS) return { microphone };
  throw new UsageError(`--voice: ${path} lasts longer than ${MOST_OCTETS / SAMPLE_RATE / 60} minutes.`);
}

function wavData(path: string, octets: Uint8Array): Uint8Array {
  const format = chunk(octets, 'fmt ');
  const data = chunk(octets, 'data');
  if (tagAt(octets, 8) !== 'WAVE' || format === null || format.length < FORMAT_LENGTH || data === null) {
    throw new UsageError(`--voice: ${path} begins as a WAV file and is none.`);
  }
  const view = new DataView(format.buffer, format.byteOffset, format.length);
  const [code, channels, rate] = [view.getUint16(0, true), view.getUint16(2, true), view.getUint32(4, true)];
  if (code === FORMAT_MULAW && channels === 1 && rate === SAMPLE_RATE) return data;
  throw new UsageError(
    `--voice: ${path} is WAV of format ${code}, ${channels} channel(s), ${rate} Hz; what phones speak is format 7 (mu-law), 1 channel, 8000 Hz.`,
  );
}

/** Body of the first chunk of that name, as far as the file goes; null where there is none. */
function chunk(octets: Uint8Array, name: string): Uint8Array | null {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let at = FIRST_CHUNK;
  while (at + CHUNK_HEADER <= octets.length) {
    const length = view.getUint32(at + 4, true);
    const body = at + CHUNK_HEADER;
    if (tagAt(octets, at) === name) return octets.subarray(body, body + length);
    // Chunks begin at even places.
    at = body + length + (length % 2);
  }
  return null;
}

function tagAt(octets: Uint8Array, at: number): string {
  return String.fromCharCode(...octets.subarray(at, at + 4));
}
