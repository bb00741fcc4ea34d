import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readVoice } from './voice.ts';

const folder = mkdtempSync(join(tmpdir(), 'sepia-voice-'));

function file(octets: Uint8Array): string {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.wav`);
  writeFileSync(path, octets);
  return path;
}

/** A WAV file with a chunk of odd length before the sound. */
function wav(format: number, channels: number, rate: number, data: Uint8Array): Uint8Array {
  const out = Buffer.alloc(12 + 8 + 4 + 8 + 18 + 8 + data.length);
  out.write('RIFF', 0);
  out.writeUInt32LE(out.length - 8, 4);
  out.write('WAVEjunk', 8);
  out.writeUInt32LE(3, 16);
  out.write('fmt ', 24);
  out.writeUInt32LE(18, 28);
  out.writeUInt16LE(format, 32);
  out.writeUInt16LE(channels, 34);
  out.writeUInt32LE(rate, 36);
  out.write('data', 50);
  out.writeUInt32LE(data.length, 54);
  out.set(data, 58);
  return out;
}

describe('--voice', () => {
  const sound = Uint8Array.from({ length: 321 }, (_, k) => k & 0xff);

  it('takes mu-law, raw and as WAV, to the same octets', () => {
    expect([...readVoice(file(sound)).microphone!]).toEqual([...sound]);
    expect([...readVoice(file(wav(7, 1, 8000, sound))).microphone!]).toEqual([...sound]);
    expect(readVoice(undefined)).toEqual({});
  });

  it.each([
    ['another format', wav(1, 2, 44_100, sound), /WAV of format 1, 2 channel\(s\), 44100 Hz; .* 8000 Hz\.$/],
    ['half a WAV file', wav(7, 1, 8000, sound).subarray(0, 30), /begins as a WAV file and is none\.$/],
    ['silence', new Uint8Array(0), /has no sound in it\.$/],
    ['a day', new Uint8Array(15 * 60 * 8000 + 1), /lasts longer than 15 minutes\.$/],
  ])('refuses %s with one sentence', (_what, octets, message) => {
    expect(() => readVoice(file(octets))).toThrow(message);
  });

  it('refuses a file that is not there', () => {
    expect(() => readVoice(join(folder, 'none'))).toThrow(/cannot be read: ENOENT\.$/);
  });
});
