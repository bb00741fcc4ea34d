/**
 * An authoritative DNS server for the lab's few names (RFC 1035): A records, and a clear "no such name" for the rest, so that a phone that asks
 * for `CiscoCM1.<domain>` gets its answer at once.
 */
import { isMalformed } from '../firmware/malformed.ts';
import type { Endpoint, Sockets, UdpSocket } from '../firmware/net/sockets.ts';
import { ipv4Text } from '../firmware/wire/address.ts';
import * as dns from '../firmware/wire/dns.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { Instant } from '../hal/timer.ts';
import { DEAF, type LabEventSink } from './lab-event.ts';

export interface DnsServerOptions {
  readonly timeline: Timeline;
  readonly events?: LabEventSink;
  /** Seconds that a resolver may keep an answer. */
  readonly ttl?: number;
}

export interface DnsCounters {
  queries: number;
  answered: number;
  nameErrors: number;
  malformed: number;
}

interface Home {
  readonly sockets: Sockets;
  readonly address: Ipv4;
  /** Lower-case name to addresses in this network. */
  readonly records: Map<string, readonly Ipv4[]>;
  socket: UdpSocket | null;
}

const DEFAULT_TTL = 300;

export class DnsServer {
  readonly counters: DnsCounters = { queries: 0, answered: 0, nameErrors: 0, malformed: 0 };
  readonly #timeline: Timeline;
  readonly #events: LabEventSink;
  readonly #ttl: number;
  readonly #homes: Home[] = [];
  #running = false;

  constructor(options: DnsServerOptions) {
    this.#timeline = options.timeline;
    this.#events = options.events ?? DEAF;
    this.#ttl = options.ttl ?? DEFAULT_TTL;
  }

  get running(): boolean {
    return this.#running;
  }

  serve(sockets: Sockets, address: Ipv4): void {
    const home: Home = { sockets, address, records: new Map(), socket: null };
    this.#homes.push(home);
    if (this.#running) this.#open(home);
  }

  /** Sets the addresses of a name for the clients of one server address; none deletes it. */
  setRecord(server: Ipv4, name: string, addresses: readonly Ipv4[]): void {
    const home = this.#homes.find(({ address }) => address === server);
    if (home === undefined) throw new Error(`no DNS server at ${ipv4Text(server)}`);
    if (!dns.isName(name)) throw new Error(`not a domain name: ${name}`);
    if (addresses.length === 0) home.records.delete(name.toLowerCase());
    else home.records.set(name.toLowerCase(), addresses);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    for (const home of this.#homes) this.#open(home);
    this.#events(this.#timeline.now(), { type: 'service', service: 'dns', running: true });
  }

  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    for (const home of this.#homes) {
      home.socket?.close();
      home.socket = null;
    }
    this.#events(this.#timeline.now(), { type: 'service', service: 'dns', running: false });
  }

  #open(home: Home): void {
    home.socket = home.sockets.udp(dns.SERVER_PORT, (now, payload, from) => this.#receive(now, home, payload, from));
    if (home.socket === null) throw new Error(`port ${dns.SERVER_PORT} is taken on ${ipv4Text(home.address)}`);
  }

  #receive(now: Instant, home: Home, payload: Uint8Array, from: Endpoint): void {
    const query = dns.parse(payload);
    const question = isMalformed(query) ? undefined : query.questions[0];
    if (isMalformed(query) || query.response || question === undefined || query.opcode !== 0) {
      this.counters.malformed += 1;
      return;
    }
    this.counters.queries += 1;
    const addresses = home.records.get(question.name.toLowerCase());
    // A name without a record of the type asked for exists all the same: no error, no answers (RFC 2308 section 2.2).
    const asksForAddress = question.type === dns.TYPE_A && question.class === dns.CLASS_IN;
    const answers = (asksForAddress ? (addresses ?? []) : []).map(
      (address): dns.ResourceRecord => ({ ...question, ttl: this.#ttl, data: { kind: 'address', address } }),
    );
    if (addresses === undefined) this.counters.nameErrors += 1;
    else this.counters.answered += 1;
    const reply: dns.Message = {
      ...query,
      response: true,
      authoritative: true,
      truncated: false,
      recursionAvailable: false,
      rcode: addresses === undefined ? dns.NAME_ERROR : dns.NO_ERROR,
      questions: [question],
      answers,
      authorities: [],
      additionals: [],
    };
    const datagram = new Uint8Array(dns.lengthOf(reply));
    dns.emit(reply, datagram);
    home.socket?.send(now, from, datagram);
    this.#events(now, { type: 'dns', name: question.name, client: ipv4Text(from.address), answers: answers.length });
  }
}
