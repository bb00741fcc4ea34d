/** The trust verification service of a lab cluster: vouches for the certificates of its own PKI. */

import { Malformed } from '../firmware/malformed.ts';
import type { Sockets, TcpSink, TcpSocket } from '../firmware/net/sockets.ts';
import { latin1 } from '../firmware/wire/text.ts';
import * as tvs from '../firmware/wire/tvs.ts';
import { readCertificate } from '../hal/host/public-key.ts';
import type { Instant } from '../hal/timer.ts';
import { SecureHomes } from './secure-homes.ts';
import type { SecureListenerOptions, SecureServices } from './secure-listener.ts';

/** A certificate and the role codes in which the service vouches for it. */
export interface VouchedFor {
  readonly certificate: Uint8Array;
  readonly roles: readonly number[];
}

export interface TvsServerOptions {
  readonly services: SecureServices;
  readonly tls: SecureListenerOptions;
  readonly certificates: readonly VouchedFor[];
  /** Seconds for which an answer is good; CUCM says a day. */
  readonly timeToLive?: number;
}

const DEFAULT_TIME_TO_LIVE = 86_400;
/** A request is a certificate and names; what is longer is no request. */
const MAX_REQUEST = 16_384;
const INVALID = 1;

export class TvsServer {
  /** Requests answered, and certificates nobody here knows. */
  readonly counters = { requests: 0, unknown: 0 };
  readonly #options: TvsServerOptions;
  readonly #homes: SecureHomes;

  constructor(options: TvsServerOptions) {
    this.#options = options;
    const { services, tls } = options;
    this.#homes = new SecureHomes({ services, tls, port: tvs.SERVER_PORT, accept: (socket) => this.#accept(socket) });
  }

  serve(sockets: Sockets): void {
    this.#homes.add(sockets);
  }

  start(): void {
    this.#homes.start();
  }

  stop(now: Instant): void {
    this.#homes.stop(now);
  }

  #accept(socket: TcpSocket): TcpSink {
    let received = new Uint8Array(0);
    return {
      connected: () => undefined,
      data: (now, octets) => {
        const longer = new Uint8Array(received.length + octets.length);
        longer.set(received);
        longer.set(octets, received.length);
        received = longer;
        const length = tvs.messageLength(received);
        if (received.length > MAX_REQUEST) socket.abort(now);
        else if (length !== null && received.length >= length) {
          const answer = this.#answer(received);
          received = new Uint8Array(0);
          if (answer === null) socket.abort(now);
          else socket.write(now, answer);
        }
      },
      ended: (now) => socket.close(now),
      writable: () => undefined,
      gone: () => undefined,
    };
  }

  #answer(octets: Uint8Array): Uint8Array | null {
    const request = tvs.parse(octets);
    if (request instanceof Malformed) return null;
    const { queryRequest, verificationRequest, queryResponse, verificationResponse } = tvs.COMMANDS;
    if (request.command !== queryRequest && request.command !== verificationRequest) return null;
    this.counters.requests++;
    const isQuery = request.command === queryRequest;
    const found = this.#options.certificates.find(({ certificate }) =>
      isQuery ? isNamed(certificate, request.elements) : isSame(certificate, request.elements),
    );
    if (found === undefined) this.counters.unknown++;
    const message = {
      command: isQuery ? queryResponse : verificationResponse,
      filler: 0,
      session: request.session,
      elements: found === undefined ? [INVALID_STATUS] : this.#vouching(found, isQuery),
    };
    const answer = new Uint8Array(tvs.lengthOf(message));
    tvs.emit(message, answer);
    return answer;
  }

  #vouching({ certificate, roles }: VouchedFor, isQuery: boolean): tvs.Element[] {
    const seconds = this.#options.timeToLive ?? DEFAULT_TIME_TO_LIVE;
    return [
      { tag: tvs.TAGS.status, value: Uint8Array.of(tvs.VALID) },
      ...(isQuery ? [{ tag: tvs.TAGS.certificate, value: certificate }] : []),
      { tag: tvs.TAGS.roles, value: Uint8Array.from(roles) },
      { tag: tvs.TAGS.timeToLive, value: Uint8Array.of(seconds >>> 24, seconds >>> 16, seconds >>> 8, seconds) },
    ];
  }
}

const INVALID_STATUS: tvs.Element = { tag: tvs.TAGS.status, value: Uint8Array.of(INVALID) };

function isSame(certificate: Uint8Array, elements: readonly tvs.Element[]): boolean {
  const asked = elements.find(({ tag }) => tag === tvs.TAGS.certificate)?.value;
  return asked !== undefined && Buffer.from(certificate).equals(asked);
}

/** "CUCM matches by issuer and serial number": the tags differ between writers, the values do not. */
function isNamed(certificate: Uint8Array, elements: readonly tvs.Element[]): boolean {
  const fields = readCertificate(certificate);
  if (fields === null) return false;
  const values = elements.filter(({ tag }) => tag > tvs.TAGS.subject).map(({ value }) => value);
  const isIssuer = (value: Uint8Array): boolean => latin1(value).replace(/\0$/, '') === fields.issuer;
  const isSerial = (value: Uint8Array): boolean =>
    Buffer.from(value)
      .toString('hex')
      .replace(/^(00)+(?=..)/, '') === fields.serial;
  return values.some(isIssuer) && values.some(isSerial);
}
