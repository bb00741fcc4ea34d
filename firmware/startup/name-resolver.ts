import type { Ipv4 } from '../../hal/nic.ts';
import type { Rng } from '../../hal/rng.ts';
import type { Instant } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import { isMalformed } from '../malformed.ts';
import type { UdpSocket } from '../net/sockets.ts';
import type { Stack } from '../net/stack.ts';
import { type DnsFailure, type DnsOut, DnsResolver } from '../protocols/dns.ts';
import * as dns from '../wire/dns.ts';

/** Where DNS servers listen (RFC 1035 4.2.1). */
const DNS_PORT = 53;

export type NameAnswer =
  | { readonly ok: true; readonly addresses: readonly Ipv4[] }
  | { readonly ok: false; readonly why: DnsFailure };

type Waiter = (now: Instant, answer: NameAnswer) => void;

/** The resolver machine with its sockets: stages ask for a name and get an answer later. */
export class NameResolver {
  readonly #stack: Stack;
  readonly #machine: DnsResolver;
  /** Null while nobody waits. */
  #waiters: Map<number, Waiter> | null = null;
  /** By local port: a question keeps its random port until it is answered. Null while there is none. */
  #sockets: Map<number, UdpSocket> | null = null;
  #lastId = 0;

  constructor(stack: Stack, rng: Rng, tunables: TunableValues) {
    this.#stack = stack;
    this.#machine = new DnsResolver({ rng, tunables });
  }

  configure(now: Instant, servers: readonly Ipv4[], domain: string | null): void {
    this.#machine.process(now, { kind: 'configure', servers, domain });
  }

  /** `name` may be an address as text. `waiter` is called once from a later `dispatch`. Returns a number for `cancel`. */
  resolve(now: Instant, name: string, waiter: Waiter): number {
    const id = ++this.#lastId;
    this.#waiters ??= new Map();
    this.#waiters.set(id, waiter);
    this.#machine.process(now, { kind: 'resolve', id, name });
    return id;
  }

  cancel(now: Instant, id: number): void {
    if (this.#waiters?.delete(id)) this.#machine.process(now, { kind: 'cancel', id });
    this.#restIfIdle();
  }

  dispatch(now: Instant): void {
    this.#machine.dispatch(now, (out) => this.#obey(now, out));
  }

  pollAt(): Instant {
    return this.#machine.pollAt();
  }

  #obey(now: Instant, out: DnsOut): void {
    switch (out.kind) {
      case 'send':
        this.#send(now, out);
        return;
      case 'resolved':
        this.#answer(now, out.id, { ok: true, addresses: out.addresses });
        return;
      case 'failed':
        this.#answer(now, out.id, { ok: false, why: out.why });
        return;
    }
  }

  #send(now: Instant, out: Extract<DnsOut, { kind: 'send' }>): void {
    const socket = this.#sockets?.get(out.port) ?? this.#open(out.port);
    if (socket === null) return; // the port is taken: the next try of the machine uses another
    const payload = new Uint8Array(dns.lengthOf(out.message));
    dns.emit(out.message, payload);
    socket.send(now, { address: out.to, port: DNS_PORT }, payload);
  }

  #open(port: number): UdpSocket | null {
    const socket = this.#stack.udp(port, (now, payload, from) => {
      if (from.port !== DNS_PORT) return;
      const message = dns.parse(payload);
      if (!isMalformed(message)) this.#machine.process(now, { kind: 'received', message, from: from.address, port });
    });
    if (socket === null) return null;
    this.#sockets ??= new Map();
    this.#sockets.set(port, socket);
    return socket;
  }

  #answer(now: Instant, id: number, answer: NameAnswer): void {
    const waiter = this.#waiters?.get(id);
    this.#waiters?.delete(id);
    this.#restIfIdle();
    waiter?.(now, answer);
  }

  #restIfIdle(): void {
    if (this.#waiters !== null && this.#waiters.size > 0) return;
    for (const socket of this.#sockets?.values() ?? []) socket.close();
    this.#sockets = null;
    this.#waiters = null;
  }
}
