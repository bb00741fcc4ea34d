/** `Ringlist.xml` and the ring files that it names: what a phone takes of them. */
import { utf8 } from '../wire/text.ts';
import { XmlReader, type XmlSink } from './config/xml-reader.ts';

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
  const reader = new RingListReader();
  new XmlReader(utf8(octets), reader).read();
  const isRingList = reader.root === 'CiscoIPPhoneRingList' || reader.root === 'CiscoIPPhoneRinglist';
  return isRingList ? reader.rings : null;
}

/** The name of the first element; null when there is none. */
export function rootElement(octets: Uint8Array): string | null {
  const reader = new RingListReader();
  new XmlReader(utf8(octets), reader).read();
  return reader.root;
}

class RingListReader implements XmlSink {
  readonly rings: Ring[] = [];
  root: string | null = null;
  #ring: { displayName: string; fileName: string } | null = null;
  #element = '';

  startTag(name: string): void {
    this.root ??= name;
    this.#element = name;
    if (name === 'Ring') this.#ring = { displayName: '', fileName: '' };
  }

  attribute(): void {}

  text(piece: string): void {
    if (this.#ring === null) return;
    if (this.#element === 'DisplayName') this.#ring.displayName += piece;
    else if (this.#element === 'FileName') this.#ring.fileName += piece;
  }

  endTag(name: string): void {
    this.#element = '';
    if (name !== 'Ring' || this.#ring === null) return;
    const displayName = this.#ring.displayName.trim().slice(0, MAX_RING_NAME);
    const fileName = this.#ring.fileName.trim();
    if (fileName !== '' && this.rings.length < MAX_RINGS) this.rings.push({ displayName, fileName });
    this.#ring = null;
  }
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
