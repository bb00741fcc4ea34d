/** What a SIP call manager sends: answers, and requests of its own, each with a tag or an identifier that no other of the node has. */
import { ipv4Text } from '../../firmware/wire/address.ts';
import { dateValue } from '../../firmware/wire/sip/date.ts';
import { encode, type Header, headerValue, type Request, type Response } from '../../firmware/wire/sip/message.ts';
import { type Instant, MILLISECOND } from '../../hal/timer.ts';
import type { Letterhead } from './leg.ts';
import type { Peer } from './peer.ts';
import type { Registered } from './registry.ts';
import type { Repeats } from './repeats.ts';
import type { SipCallManagerOptions } from './sip-call-manager-options.ts';
import { type Outgoing, response, SERVER, SIP_PORT } from './stationery.ts';

const DEFAULT_EPOCH = Date.UTC(2026, 10, 22, 8);

export class Outbox {
  readonly #options: SipCallManagerOptions;
  readonly #repeats: Repeats;
  #id = 0;

  constructor(options: SipCallManagerOptions, repeats: Repeats) {
    this.#options = options;
    this.#repeats = repeats;
  }

  reply(now: Instant, peer: Peer, m: Request, status: number, reason: string, headers: readonly Header[] = []): void {
    peer.send(now, encode(this.response(now, peer, m, status, reason, headers)));
  }

  response(now: Instant, peer: Peer, m: Request, status: number, reason: string, headers: readonly Header[]): Response {
    if (status === 100) return response(m, status, reason, {});
    this.#id++;
    const tag = `${this.#options.name}-${this.#id.toString(16)}`;
    const all = [{ name: 'Date', value: this.#date(now) }, { name: 'Server', value: SERVER }, ...headers];
    return response(m, status, reason, { tag, received: ipv4Text(peer.remote.address), headers: all });
  }

  /** Sends a request outside calls to a registered phone; over UDP until it is answered. */
  ask({ contactUri, peer }: Registered, request: (to: Outgoing) => Request): void {
    const m = request({ node: this.#options.node, transport: peer.transport, contactUri, id: this.#nextId() });
    const octets = encode(m);
    peer.send(this.#options.timeline.now(), octets);
    if (peer.transport === 'udp') this.#repeats.add(headerValue(m, 'Call-ID')!, peer, octets);
  }

  /** For a message within a call. */
  letterhead(): Letterhead {
    const { node, port = SIP_PORT, timeline } = this.#options;
    return { node, port, id: this.#nextId(), date: this.#date(timeline.now()) };
  }

  #nextId(): string {
    this.#id++;
    return `${this.#options.name}${this.#id.toString(16).padStart(8, '0')}`;
  }

  #date(now: Instant): string {
    return dateValue(Math.floor(((this.#options.epoch ?? DEFAULT_EPOCH) + now / MILLISECOND) / 1000));
  }
}
