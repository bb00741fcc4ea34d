/**
 * Session descriptions, RFC 4566 section 5: lines of one letter, `=` and a value, the session's first, then each medium's. Read without regard to
 * order within a section, written in the order that the RFC prescribes.
 *
 *     v= o= s= [i= u= e= p=] [c=] [b=] t= [z= k=] [a=]  { m= [i=] [c=] [b=] [k=] [a=] }
 */
import { Malformed } from '../../malformed.ts';
import { parseIpv4 } from '../address.ts';

export interface Media {
  /** `audio`, `video`, `application`. */
  readonly media: string;
  /** 0 refuses the medium in an answer. */
  readonly port: number;
  /** `RTP/AVP`, `RTP/SAVP`. */
  readonly proto: string;
  /** RTP payload types. */
  readonly formats: readonly string[];
  /** Its own `c=` address; null when the session's counts. */
  readonly address: string | null;
  /** `a=` lines without that beginning. */
  readonly attributes: readonly string[];
}

export interface Description {
  /** The value of `o=`: user, session, version, net type, address type, address. */
  readonly origin: string;
  readonly name: string;
  /** Address of the session's `c=`; null when each medium has its own. */
  readonly address: string | null;
  readonly attributes: readonly string[];
  readonly media: readonly Media[];
  /** `i= u= e= p= b= t= z= k=` lines and what is unknown, as they stand; of media as well. */
  readonly others: readonly string[];
}

const MAX_LINES = 512;
const MAX_MEDIA = 16;

const NOT_SDP = new Malformed('SDP', 'no v=0 line first');
const BAD_LINE = new Malformed('SDP', 'a line that is none');
const BAD_MEDIA = new Malformed('SDP', 'an m= line that says nothing');
const BAD_CONNECTION = new Malformed('SDP', 'a c= line that says nothing');
const TOO_MUCH = new Malformed('SDP', 'more than anybody describes');

/** A description that is being read. */
type Draft = { -readonly [K in keyof Description]: Description[K] extends readonly (infer E)[] ? E[] : Description[K] };
type MediaDraft = { -readonly [K in keyof Media]: Media[K] extends readonly (infer E)[] ? E[] : Media[K] };

export function parse(text: string): Description | Malformed {
  const lines = text.split(/\r?\n/, MAX_LINES + 1);
  if (lines.length > MAX_LINES) return TOO_MUCH;
  if (lines[0] !== 'v=0') return NOT_SDP;
  const media: MediaDraft[] = [];
  const draft: Draft = { origin: '', name: '', address: null, attributes: [], media: [], others: [] };
  for (const line of lines.slice(1)) {
    if (line === '') continue;
    if (!/^[a-z]=/.test(line)) return BAD_LINE;
    const value = line.slice(2);
    const section = media.at(-1) ?? draft;
    switch (line[0]) {
      case 'o':
        draft.origin = value;
        break;
      case 's':
        draft.name = value;
        break;
      case 'c': {
        const connection = /^IN IP[46] ([^\s/]+)/.exec(value);
        if (connection === null) return BAD_CONNECTION;
        section.address = connection[1]!;
        break;
      }
      case 'a':
        section.attributes.push(value);
        break;
      case 'm': {
        const medium = mediaOf(value);
        if (medium === null) return BAD_MEDIA;
        if (media.push(medium) > MAX_MEDIA) return TOO_MUCH;
        break;
      }
      default:
        draft.others.push(line);
    }
  }
  return { ...draft, media };
}

function mediaOf(value: string): MediaDraft | null {
  const match = /^(\S+) (\d{1,5})(?:\/\d+)? (\S+)((?: \S+)*)$/.exec(value.trimEnd());
  if (match === null || Number(match[2]) > 65_535) return null;
  const formats = match[4]!.split(' ').filter((format) => format !== '');
  return { media: match[1]!, port: Number(match[2]), proto: match[3]!, formats, address: null, attributes: [] };
}

/** Text with CRLF line ends. */
export function emit(d: Description): string {
  const order = 'iuepbtzk';
  const rank = (line: string): number => order.indexOf(line[0]!);
  const session = d.others.filter((line) => rank(line) >= 0).sort((a, b) => rank(a) - rank(b));
  const before = session.filter((line) => rank(line) < order.indexOf('b'));
  const after = session.filter((line) => rank(line) >= order.indexOf('b'));
  const unknown = d.others.filter((line) => rank(line) < 0);
  const lines = ['v=0', `o=${d.origin}`, `s=${d.name}`, ...before, ...connection(d.address), ...after, ...unknown];
  lines.push(...d.attributes.map((value) => `a=${value}`));
  for (const m of d.media) {
    lines.push([`m=${m.media}`, String(m.port), m.proto, ...m.formats].join(' '), ...connection(m.address));
    lines.push(...m.attributes.map((value) => `a=${value}`));
  }
  return `${lines.join('\r\n')}\r\n`;
}

function connection(address: string | null): string[] {
  return address === null ? [] : [`c=IN ${parseIpv4(address) === null ? 'IP6' : 'IP4'} ${address}`];
}

/** `Cisco-SIPUA … audio 10.0.0.5:16384 RTP/AVP 0 8 101`. */
export function describe(d: Description): string {
  const media = d.media.map((m) => {
    return `${m.media} ${m.address ?? d.address ?? '?'}:${m.port} ${m.proto} ${m.formats.join(' ')}`.trimEnd();
  });
  return [`SDP ${d.name}`, ...media].join(', ');
}
