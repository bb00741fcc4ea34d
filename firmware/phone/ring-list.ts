/** `Ringlist.xml` and the ring files that it names: what a phone takes of them. */
import { Parser } from 'htmlparser2';
import { utf8 } from '../wire/text.ts';

export interface Ring {
  readonly displayName: string;
  readonly fileName: string;
}

/** "At most 50 entries, the rest is ignored." */
export const MAX_RINGS = 50;
/** Characters of a display name. */
export const MAX_RING_NAME = 25;

/** Raw mu-law at 8 kHz, an octet a sample: 240 to 16,080 (2.01 s), in steps of 240. */
const NARROW = { octetsPerSample: 1, step: 240, most: 16_080 } as const;
/** `.rwb`: 16 bits at 16 kHz, at most 10.05 s. */
const WIDE = { octetsPerSample: 2, step: 1, most: 160_800 } as const;
const FEWEST_SAMPLES = 240;

/** Null for what is no list of rings. Entries without a file, and those beyond the fiftieth, are left out. */
export function parseRingList(octets: Uint8Array): readonly Ring[] | null {
  const rings: Ring[] = [];
  let root: string | null = null;
  let ring: { displayName: string; fileName: string } | null = null;
  let element = '';
  const parser = new Parser(
    {
      onopentagname: (name) => {
        root ??= name;
        element = name;
        if (name === 'Ring') ring = { displayName: '', fileName: '' };
      },
      ontext: (text) => {
        if (ring === null) return;
        if (element === 'DisplayName') ring.displayName += text;
        else if (element === 'FileName') ring.fileName += text;
      },
      onclosetag: (name) => {
        element = '';
        if (name !== 'Ring' || ring === null) return;
        const displayName = ring.displayName.trim().slice(0, MAX_RING_NAME);
        const fileName = ring.fileName.trim();
        if (fileName !== '' && rings.length < MAX_RINGS) rings.push({ displayName, fileName });
        ring = null;
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(utf8(octets));
  return root === 'CiscoIPPhoneRingList' || root === 'CiscoIPPhoneRinglist' ? rings : null;
}

/** The name of the first element; null when there is none. */
export function rootElement(octets: Uint8Array): string | null {
  let root: string | null = null;
  const parser = new Parser(
    {
      onopentagname: (name) => {
        root ??= name;
      },
    },
    { xmlMode: true, decodeEntities: false },
  );
  parser.end(utf8(octets));
  return root;
}

/** Null, or why the phone rings its default ring instead. */
export function ringProblem(fileName: string, octets: Uint8Array): string | null {
  const form = fileName.endsWith('.rwb') ? WIDE : NARROW;
  if (octets.length % form.octetsPerSample !== 0) return 'half a sample at the end';
  const samples = octets.length / form.octetsPerSample;
  if (samples < FEWEST_SAMPLES) return `${samples} samples, fewer than ${FEWEST_SAMPLES}`;
  if (samples > form.most) return `${samples} samples, more than ${form.most}`;
  if (samples % form.step !== 0) return `${samples} samples, no multiple of ${form.step}`;
  return null;
}
