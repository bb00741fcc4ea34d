/** Digest for a registrar that keeps nothing: a nonce carries its own time and proves that it came from here (RFC 2617 section 3.2.1). */
import { createHash } from 'node:crypto';
import { type DigestAnswer, digestResponse } from '../../firmware/wire/sip/digest.ts';
import { type Instant, SECOND } from '../../hal/timer.ts';

/** CUCM's default. */
const NONCE_VALID = 600 * SECOND;

export const md5 = (octets: Uint8Array): Uint8Array => createHash('md5').update(octets).digest();

export class DigestCheck {
  readonly #realm: string;
  readonly #secret: string;

  constructor(realm: string, secret: string) {
    this.#realm = realm;
    this.#secret = secret;
  }

  challenge(now: Instant, stale: boolean): string {
    const parts = [`realm="${this.#realm}"`, `nonce="${this.#nonce(Math.floor(now / SECOND))}"`];
    if (stale) parts.push('stale=true');
    return `Digest ${parts.join(', ')}, algorithm=MD5`;
  }

  check(now: Instant, answer: DigestAnswer, password: string): 'right' | 'wrong' | 'stale' {
    const second = Number.parseInt(answer.nonce.slice(0, 8), 16);
    if (answer.nonce !== this.#nonce(second)) return 'stale';
    if (digestResponse(answer, password, md5) !== answer.response) return 'wrong';
    return now - second * SECOND > NONCE_VALID ? 'stale' : 'right';
  }

  #nonce(second: number): string {
    const time = second.toString(16).padStart(8, '0');
    return time + createHash('md5').update(`${time}${this.#secret}`).digest('hex').slice(0, 16);
  }
}
