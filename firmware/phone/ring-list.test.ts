import { describe, expect, it } from 'vitest';
import { parseRingList, ringProblem, rootElement } from './ring-list.ts';

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const ring = (index: number) =>
  `<Ring><DisplayName>Ring ${index}</DisplayName><FileName>r${index}.raw</FileName></Ring>`;
const list = (count: number) =>
  octets(`<CiscoIPPhoneRingList>${Array.from({ length: count }, (_, i) => ring(i)).join('')}</CiscoIPPhoneRingList>`);

describe('a ring list', () => {
  it('names rings and their files', () => {
    expect(parseRingList(list(2))).toEqual([
      { displayName: 'Ring 0', fileName: 'r0.raw' },
      { displayName: 'Ring 1', fileName: 'r1.raw' },
    ]);
  });

  it('ends with the fiftieth; longer names are cut', () => {
    expect(parseRingList(list(60))).toHaveLength(50);
    const long = octets(
      `<CiscoIPPhoneRingList><Ring><DisplayName>${'n'.repeat(40)}</DisplayName><FileName>a</FileName></Ring></CiscoIPPhoneRingList>`,
    );
    expect(parseRingList(long)?.[0]?.displayName).toHaveLength(25);
  });

  it('leaves out a ring without a file, and is none with another root', () => {
    expect(
      parseRingList(octets('<CiscoIPPhoneRingList><Ring><DisplayName>a</DisplayName></Ring></CiscoIPPhoneRingList>')),
    ).toEqual([]);
    expect(parseRingList(octets('<html/>'))).toBeNull();
    expect(parseRingList(octets(''))).toBeNull();
  });
});

describe('a ring file', () => {
  it.each<[string, number, string | null]>([
    ['Classic.raw', 240, null],
    ['Classic.raw', 16_080, null],
    ['Classic.raw', 239, '239 samples, fewer than 240'],
    ['Classic.raw', 250, '250 samples, no multiple of 240'],
    ['Classic.raw', 16_320, '16320 samples, more than 16080'],
    ['Wide.rwb', 321_600, null],
    ['Wide.rwb', 481, 'half a sample at the end'],
    ['Wide.rwb', 321_602, '160801 samples, more than 160800'],
  ])('%s of %i octets', (name, length, problem) => {
    expect(ringProblem(name, new Uint8Array(length))).toBe(problem);
  });
});

describe('the first element', () => {
  it('is found behind a declaration', () => {
    expect(rootElement(octets('<?xml version="1.0"?>\n<DialRules/>'))).toBe('DialRules');
    expect(rootElement(octets('no XML'))).toBeNull();
  });
});
