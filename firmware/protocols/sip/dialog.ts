/** Dialogs, RFC 3261 section 12: what two ends of a call remember of each other, and how it goes into the next request. */
import { parameter, parseAddress, parseSequence, split } from '../../wire/sip/grammar.ts';
import { type Header, headerValue, headerValues, type Request, type Response } from '../../wire/sip/message.ts';

export interface Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** As they stand in From and To, without tags. */
  readonly local: string;
  readonly remote: string;
  /** The other side's Contact: a re-INVITE changes it (12.2). */
  target: string;
  readonly routes: readonly string[];
  /** CSeq of the last request of this side. */
  sequence: number;
  /** Of the other side; -1 until it has sent one. */
  remoteSequence: number;
}

/** The dialog that a response with a tag makes for who called (12.1.2); null when it names no Contact or no tag. */
export function dialogOfCaller(invite: Request, m: Response): Dialog | null {
  const target = contactOf(m);
  const remote = headerValue(m, 'To') ?? '';
  const remoteTag = tagOf(remote);
  if (target === null || remoteTag === null) return null;
  const from = headerValue(invite, 'From')!;
  return {
    callId: headerValue(invite, 'Call-ID')!,
    localTag: tagOf(from)!,
    remoteTag,
    local: withoutTag(from),
    remote: withoutTag(remote),
    target,
    routes: routesOf(m).reverse(),
    sequence: sequenceOf(invite),
    remoteSequence: -1,
  };
}

/** The dialog that an INVITE makes for who is called (12.1.1); null when it names no Contact. */
export function dialogOfCalled(invite: Request, localTag: string): Dialog | null {
  const target = contactOf(invite);
  if (target === null) return null;
  const from = headerValue(invite, 'From')!;
  return {
    callId: headerValue(invite, 'Call-ID')!,
    localTag,
    // A caller of RFC 2543 has none (12.1.1).
    remoteTag: tagOf(from) ?? '',
    local: withoutTag(headerValue(invite, 'To')!),
    remote: withoutTag(from),
    target,
    routes: routesOf(invite),
    sequence: 100,
    remoteSequence: sequenceOf(invite),
  };
}

/** Whether a request belongs to the dialog (12.2.2). */
export function isWithin(dialog: Dialog, m: Request): boolean {
  if (headerValue(m, 'Call-ID') !== dialog.callId) return false;
  if (tagOf(headerValue(m, 'To') ?? '') !== dialog.localTag) return false;
  return (tagOf(headerValue(m, 'From') ?? '') ?? '') === dialog.remoteTag;
}

/** Request-URI and Route of the next request (12.2.1.1): a first route without `lr` is a strict router's, which wants to be addressed. */
export function wayOf({ target, routes }: Dialog): { readonly uri: string; readonly route: readonly Header[] } {
  const first = routes[0];
  const route = (values: readonly string[]): Header[] => values.map((value) => ({ name: 'Route', value }));
  if (first === undefined) return { uri: target, route: [] };
  const strict = parseAddress(first)?.uri ?? '';
  if (/;lr(?:[;=>]|$)/i.test(strict)) return { uri: target, route: route(routes) };
  return { uri: strict, route: route([...routes.slice(1), `<${target}>`]) };
}

/** Whose URI stands in Contact; null when there is none. */
export function contactOf(m: Request | Response): string | null {
  const first = split(headerValue(m, 'Contact') ?? '', ',')?.[0] ?? '';
  return first === '' || first === '*' ? null : (parseAddress(first)?.uri ?? null);
}

export function tagOf(value: string): string | null {
  const address = parseAddress(value);
  return address === null ? null : parameter(address.parameters, 'tag');
}

export function sequenceOf(m: Request | Response): number {
  return parseSequence(headerValue(m, 'CSeq') ?? '')?.number ?? 0;
}

function routesOf(m: Request | Response): string[] {
  return headerValues(m, 'Record-Route').flatMap((value) => split(value, ',') ?? []);
}

function withoutTag(value: string): string {
  return value.replace(/\s*;\s*tag\s*=\s*[^;\s]+/i, '');
}
