/** The client's side of digest for one address of record or one call: the challenge that it has been met with, and the answers to it (RFC 3261 section 22). */
import { asOctets, authorization, type Challenge, type Hash, parseChallenge } from '../../wire/sip/digest.ts';
import { type Header, headerValues, type Response } from '../../wire/sip/message.ts';
import type { SipLine } from './settings.ts';

export class DigestClient {
  readonly #hash: Hash;
  #challenge: Challenge | null = null;
  #proxy = false;
  #nonceCount = 0;
  /** The last request carried an answer to the challenge held. */
  #answered = false;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /**
   * Takes a 401 or 407. False when there is nothing to answer: no challenge that can be met, or the same one again, which means that the
   * password is wrong.
   */
  challenged(m: Response): boolean {
    const proxy = m.status === 407;
    const challenges = headerValues(m, proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate').map(parseChallenge);
    const challenge = challenges.find((one) => one !== null) ?? null;
    if (challenge === null) return false;
    if (this.#answered && !challenge.stale) return false;
    this.#challenge = challenge;
    this.#proxy = proxy;
    this.#nonceCount = 0;
    return true;
  }

  /** The last request was accepted: the next challenge is a new one. */
  accepted(): void {
    this.#answered = false;
  }

  /** Nothing before the first challenge. */
  headers(method: string, uri: string, cnonce: string, line: SipLine, fallback: SipLine): Header[] {
    const challenge = this.#challenge;
    if (challenge === null) return [];
    this.#nonceCount++;
    this.#answered = true;
    // Secondary lines carry no credentials of their own: the primary's count for all (usecallmanager.nz).
    const its = line.authName === '' ? fallback : line;
    const userName = asOctets(its.authName === '' ? line.name : its.authName);
    const request = { method, uri, nonceCount: this.#nonceCount, cnonce };
    const credentials = { userName, password: asOctets(its.authPassword) };
    const value = authorization(challenge, credentials, request, this.#hash);
    return [{ name: this.#proxy ? 'Proxy-Authorization' : 'Authorization', value }];
  }
}
