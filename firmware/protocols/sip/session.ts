/**
 * One call's media as both sides agree on them: offers and answers, RFC 3264, in the form of Cisco phones (public logs of 9.1.1: `o=Cisco-SIPUA`, address and
 * direction with the medium, G.711 and telephone events).
 */
import type { Ipv4 } from '../../../hal/nic.ts';
import { isMalformed } from '../../malformed.ts';
import { ipv4Text, parseIpv4 } from '../../wire/address.ts';
import { type Description, emit, type Media, parse } from '../../wire/sip/sdp.ts';
import { DEFAULT_PTIME, type MediaAddress, type MediaFormat, PAYLOAD_TYPE } from '../calls.ts';

type Codec = MediaFormat['codec'];

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** What the two have agreed on, from this side. */
export interface AgreedMedia {
  /** Where the other side listens. */
  readonly to: MediaAddress;
  readonly format: MediaFormat;
  /** What this side does. */
  readonly direction: Direction;
}

/** Best first. */
const CODECS: readonly Codec[] = ['PCMU', 'PCMA'];
/** Of telephone events in an offer of ours (RFC 4733). */
const EVENTS_TYPE = 101;
/** G.711 in one Ethernet frame. */
const MAX_PTIME = 160;

export class Session {
  readonly #id: number;
  readonly #own: MediaAddress;
  #version = -1;
  #last = '';
  agreed: AgreedMedia | null = null;

  /**
   * @param id unlike that of any other session of this phone
   * @param own where it listens
   */
  constructor(id: number, own: MediaAddress) {
    this.#id = id;
    this.#own = own;
  }

  offer(direction: Direction): string {
    const types = [...CODECS.map((codec) => PAYLOAD_TYPE[codec]), EVENTS_TYPE];
    const attributes = [...CODECS.map(codecLine), ...eventLines(EVENTS_TYPE), direction];
    return this.#write([this.#audio(types, attributes)]);
  }

  /** The answer to an offer, null when there is nothing in it that the phone can play: 488. `wish` is what this side would do. */
  answer(text: string, wish: Direction): string | null {
    const offer = parse(text);
    if (isMalformed(offer)) return null;
    const chosen = offer.media.findIndex((m) => codecOf(m) !== null && addressOf(offer, m) !== null);
    const medium = offer.media[chosen];
    if (medium === undefined) return null;
    const codec = codecOf(medium)!;
    const direction = mirrored(directionOf(offer, medium), wish);
    const events = eventsOf(medium);
    const types = events === null ? [PAYLOAD_TYPE[codec]] : [PAYLOAD_TYPE[codec], events];
    const attributes = [codecLine(codec), ...(events === null ? [] : eventLines(events)), direction];
    this.agreed = agreed(offer, medium, codec, direction);
    return this.#write(
      // A medium that is not taken keeps its place with port 0 (RFC 3264 section 6).
      offer.media.map((m, index) => (index === chosen ? this.#audio(types, attributes) : refused(m))),
    );
  }

  /** Takes the answer to an offer. False when nothing was agreed on. */
  answered(text: string, offered: Direction): boolean {
    const answer = parse(text);
    const medium = isMalformed(answer) ? undefined : answer.media.find((m) => m.port !== 0 && codecOf(m) !== null);
    if (isMalformed(answer) || medium === undefined || addressOf(answer, medium) === null) return false;
    this.agreed = agreed(answer, medium, codecOf(medium)!, mirrored(directionOf(answer, medium), offered));
    return true;
  }

  #audio(types: readonly number[], attributes: readonly string[]): Media {
    const { address, port } = this.#own;
    return {
      media: 'audio',
      port,
      proto: 'RTP/AVP',
      formats: types.map(String),
      address: ipv4Text(address),
      attributes,
    };
  }

  /** The version rises when something has changed, and only then (RFC 3264 section 8). */
  #write(media: readonly Media[]): string {
    const written = (version: number): string => {
      const origin = `Cisco-SIPUA ${this.#id} ${version} IN IP4 ${ipv4Text(this.#own.address)}`;
      return emit({ origin, name: 'SIP Call', address: null, attributes: [], media, others: ['t=0 0'] });
    };
    if (this.#version === -1 || written(this.#version) !== this.#last) this.#version++;
    this.#last = written(this.#version);
    return this.#last;
  }
}

function eventLines(type: number): string[] {
  return [`rtpmap:${type} telephone-event/8000`, `fmtp:${type} 0-15`];
}

function codecLine(codec: Codec): string {
  return `rtpmap:${PAYLOAD_TYPE[codec]} ${codec}/8000`;
}

function refused(m: Media): Media {
  return { ...m, port: 0, address: null, attributes: [] };
}

/** The other side's first codec that the phone speaks; null when there is none, or the medium is no plain audio. */
function codecOf(m: Media): Codec | null {
  if (m.media !== 'audio' || m.port === 0 || m.proto !== 'RTP/AVP') return null;
  for (const format of m.formats) {
    const codec = CODECS.find((one) => String(PAYLOAD_TYPE[one]) === format);
    if (codec !== undefined) return codec;
  }
  return null;
}

function eventsOf(m: Media): number | null {
  for (const attribute of m.attributes) {
    const match = /^rtpmap:(\d{1,3}) telephone-event\/8000$/i.exec(attribute);
    if (match !== null) return Number(match[1]);
  }
  return null;
}

function addressOf(d: Description, m: Media): Ipv4 | null {
  return parseIpv4(m.address ?? d.address ?? '');
}

function directionOf(d: Description, m: Media): Direction {
  // "c=IN IP4 0.0.0.0" is how RFC 2543 put somebody on hold (RFC 3264 section 8.4).
  const nowhere = addressOf(d, m) === 0;
  const named = [...m.attributes, ...d.attributes].find(isDirection) ?? 'sendrecv';
  if (!nowhere) return named as Direction;
  return named === 'sendrecv' || named === 'sendonly' ? 'sendonly' : 'inactive';
}

function isDirection(text: string): text is Direction {
  return text === 'sendrecv' || text === 'sendonly' || text === 'recvonly' || text === 'inactive';
}

export function sends(direction: Direction): boolean {
  return direction === 'sendrecv' || direction === 'sendonly';
}

export function receives(direction: Direction): boolean {
  return direction === 'sendrecv' || direction === 'recvonly';
}

/** What one side does when the other does `theirs` and it would do `wish`. */
function mirrored(theirs: Direction, wish: Direction): Direction {
  const send = receives(theirs) && sends(wish);
  const receive = sends(theirs) && receives(wish);
  if (send) return receive ? 'sendrecv' : 'sendonly';
  return receive ? 'recvonly' : 'inactive';
}

function agreed(d: Description, m: Media, codec: Codec, direction: Direction): AgreedMedia {
  const written = /^ptime:(\d{1,3})$/.exec(m.attributes.find((line) => line.startsWith('ptime:')) ?? '');
  const wanted = written === null ? DEFAULT_PTIME : Number(written[1]);
  const ptime = wanted % 10 === 0 && wanted > 0 && wanted <= MAX_PTIME ? wanted : DEFAULT_PTIME;
  return { to: { address: addressOf(d, m)!, port: m.port }, format: { codec, ptime }, direction };
}
