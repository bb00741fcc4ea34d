/** What a response to REGISTER says: for how long, for which lines, at what time. */

import { parseDate } from '../../wire/sip/date.ts';
import { parameter, parseAddress, parseSeconds, split } from '../../wire/sip/grammar.ts';
import { headerValue, headerValues, type Response } from '../../wire/sip/message.ts';
import { partsOf } from '../../wire/sip/multipart.ts';
import type { RegistrationClientOut } from '../registration-client.ts';

export interface Grant {
  /** Seconds. */
  readonly expires: number;
  /** `x-cisco-newreg`: the call manager had no registration of this phone. */
  readonly isNew: boolean;
  /** A remotecc answer: the call manager has registered all lines of the device. */
  readonly bulk: boolean;
  /** The server is of Cisco's kind: it names the version of their SIP that it speaks, as the phone did (`X-cisco-sis-10.0.0`). */
  readonly isCisco: boolean;
}

/** SIPCC does not refresh more often, seconds. */
export const SHORTEST_REFRESH = 60;

/** `contactUri` is what the phone wrote into its own Contact, `asked` the seconds it asked for. */
export function grantOf(m: Response, contactUri: string, asked: number): Grant {
  const header = parseSeconds(headerValue(m, 'Expires'));
  let expires: number | null = null;
  let isNew = false;
  for (const value of headerValues(m, 'Contact')) {
    for (const text of split(value, ',') ?? []) {
      const address = parseAddress(text);
      if (address === null || address.uri !== contactUri) continue;
      expires = parseSeconds(parameter(address.parameters, 'expires')) ?? expires;
      isNew ||= parameter(address.parameters, 'x-cisco-newreg') !== null;
    }
  }
  const answers = partsOf(m).filter(({ type }) => type === 'application/x-cisco-remotecc-response+xml');
  const bulk = answers.some(({ text }) => /<code>\s*200\s*<\/code>/.test(text));
  const isCisco = headerValues(m, 'Supported').some((value) => /(^|[,\s])X-cisco-sis-/i.test(value));
  return { expires: Math.min(expires ?? header ?? asked, asked), isNew, bulk, isCisco };
}

/** Seconds from a 200 to the refresh: the registration's time less the delta, but never all of it. */
export function refreshAfter(expires: number, delta: number): number {
  return Math.max(expires - delta, Math.ceil(expires / 2), 1);
}

/** What the screen says: the server's own words where it has some. */
export function rejectionText(m: Response): string {
  const warning = /^\d{3} \S+ "([^"]*)"/.exec(headerValue(m, 'Warning') ?? '')?.[1] ?? '';
  return warning === '' ? m.reason || String(m.status) : warning;
}

export function timeOf(m: Response): Extract<RegistrationClientOut, { kind: 'time' }> | null {
  const seconds = parseDate(headerValue(m, 'Date') ?? '');
  return seconds === null ? null : { kind: 'time', systemTime: seconds, local: null };
}
