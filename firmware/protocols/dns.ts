/** Stub resolver for addresses (RFC 1035 section 7, RFC 5452 against guessed answers), as much of one as a phone needs. */
import type { Ipv4 } from '../../hal/nic.ts';
import type { Rng } from '../../hal/rng.ts';
import { type Duration, earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import { parseIpv4 } from '../wire/address.ts';
import * as dns from '../wire/dns.ts';

export type DnsIn =
  /** What the lease says; the first two servers are used. Questions under way go on with them; the cache is emptied. */
  | { readonly kind: 'configure'; readonly servers: readonly Ipv4[]; readonly domain: string | null }
  /** `id` is the owner's own and comes back with the answer. An address as text is its own answer. */
  | { readonly kind: 'resolve'; readonly id: number; readonly name: string }
  | { readonly kind: 'cancel'; readonly id: number }
  /** A message from port 53 of `from` to our `port`. */
  | { readonly kind: 'received'; readonly message: dns.Message; readonly from: Ipv4; readonly port: number }
  /** Forgets everything. */
  | { readonly kind: 'stop' };

export type DnsFailure = 'timeout' | 'unknown-host' | 'no-server';

export type DnsOut =
  /** From our `port`, which the owner opens for this and closes when the question is answered. */
  | { readonly kind: 'send'; readonly to: Ipv4; readonly port: number; readonly message: dns.Message }
  | { readonly kind: 'resolved'; readonly id: number; readonly name: string; readonly addresses: readonly Ipv4[] }
  | { readonly kind: 'failed'; readonly id: number; readonly name: string; readonly why: DnsFailure };

interface Query {
  readonly id: number;
  /** As the owner wrote it. */
  readonly name: string;
  /** Full names still to be tried, the present one first. */
  readonly candidates: readonly string[];
  readonly messageId: number;
  readonly port: number;
  /** Sent so far for the present candidate. */
  readonly tries: number;
  readonly askedServer: Ipv4;
  /** A server answered, though not with an address. */
  readonly heard: boolean;
  readonly retryAt: Instant;
}

interface Cached {
  readonly addresses: readonly Ipv4[];
  readonly expiresAt: Instant;
}

/** "2 servers kept": what the phone takes of option 6. */
const MAX_SERVERS = 2;

/** Call managers, TFTP servers and little else are ever looked up. */
const MAX_CACHED = 16;

/** RFC 2181 section 8 allows a cap; a week and more is a mistake in a zone. */
const MAX_TTL = 604_800;

/** Aliases followed within one answer. */
const MAX_ALIASES = 8;

/** RFC 6335 section 6: dynamic ports. */
const FIRST_PORT = 49_152;
const PORT_COUNT = 16_384;

export class DnsResolver implements Machine<DnsIn, DnsOut> {
  readonly #rng: Rng;
  readonly #timeout: Duration;
  readonly #maxTries: number;
  /** Null while nothing is known: most phones have addresses to go to, not names. */
  #cache: Map<string, Cached> | null = null;
  #servers: readonly Ipv4[] = [];
  #domain: string | null = null;
  #queries: Query[] = [];
  #out: DnsOut[] = [];

  constructor(options: { readonly rng: Rng; readonly tunables: TunableValues }) {
    this.#rng = options.rng;
    this.#timeout = options.tunables['dns.timeout'] * SECOND;
    this.#maxTries = options.tunables['dns.tries'];
  }

  process(now: Instant, input: DnsIn): void {
    switch (input.kind) {
      case 'configure':
        this.#servers = input.servers.slice(0, MAX_SERVERS);
        this.#domain = input.domain;
        this.#cache = null;
        break;
      case 'resolve':
        this.#resolve(now, input.id, input.name);
        break;
      case 'cancel':
        this.#queries = this.#queries.filter(({ id }) => id !== input.id);
        break;
      case 'received':
        this.#received(now, input.message, input.from, input.port);
        break;
      case 'stop':
        this.#queries = [];
        this.#out = [];
        this.#cache = null;
        this.#servers = [];
        this.#domain = null;
        break;
    }
  }

  dispatch(now: Instant, emit: (out: DnsOut) => void): void {
    for (;;) {
      const out = this.#out.shift();
      if (out !== undefined) {
        emit(out);
        continue;
      }
      const due = this.#queries.find(({ retryAt }) => now >= retryAt);
      if (due === undefined) return;
      this.#ask(now, due);
    }
  }

  pollAt(): Instant {
    if (this.#out.length > 0) return 0;
    return this.#queries.reduce((soonest, { retryAt }) => earlier(soonest, retryAt), NEVER);
  }

  #resolve(now: Instant, id: number, name: string): void {
    const address = parseIpv4(name);
    if (address !== null) {
      this.#out.push({ kind: 'resolved', id, name, addresses: [address] });
      return;
    }
    const candidates = candidatesOf(name, this.#domain).filter((full) => full !== '' && dns.isName(full));
    const cached = candidates.map((candidate) => this.#cached(now, candidate)).find((entry) => entry !== null);
    if (cached !== undefined && cached !== null) {
      this.#out.push({ kind: 'resolved', id, name, addresses: cached.addresses });
    } else if (candidates.length === 0) this.#out.push({ kind: 'failed', id, name, why: 'unknown-host' });
    else this.#queries.push(this.#newQuery(now, id, name, candidates));
  }

  #newQuery(now: Instant, id: number, name: string, candidates: readonly string[]): Query {
    return {
      id,
      name,
      candidates,
      messageId: this.#rng.below(0x1_0000),
      port: FIRST_PORT + this.#rng.below(PORT_COUNT),
      tries: 0,
      askedServer: 0,
      heard: false,
      retryAt: now,
    };
  }

  /** Sends the next of the tries, each to the other server, or gives up. */
  #ask(now: Instant, query: Query): void {
    const server = this.#servers[query.tries % Math.max(1, this.#servers.length)];
    if (server === undefined) this.#fail(query, 'no-server');
    else if (query.tries >= this.#maxTries) this.#fail(query, query.heard ? 'unknown-host' : 'timeout');
    else {
      const asked = { ...query, tries: query.tries + 1, askedServer: server, retryAt: now + this.#timeout };
      this.#replace(query, asked);
      this.#out.push({ kind: 'send', to: server, port: query.port, message: questionFor(query) });
    }
  }

  #replace(query: Query, by: Query): void {
    this.#queries = this.#queries.map((one) => (one === query ? by : one));
  }

  #fail(query: Query, why: DnsFailure): void {
    this.#queries = this.#queries.filter((one) => one !== query);
    this.#out.push({ kind: 'failed', id: query.id, name: query.name, why });
  }

  #received(now: Instant, message: dns.Message, from: Ipv4, port: number): void {
    const query = this.#queries.find((one) => isAnswerTo(one, message, port));
    if (query === undefined || !this.#servers.includes(from)) return;
    const found = message.rcode === dns.NO_ERROR ? addressesIn(message, query.candidates[0]!) : null;
    if (found !== null) {
      this.#remember(now, query.candidates[0]!, found.addresses, found.ttl);
      this.#queries = this.#queries.filter((one) => one !== query);
      this.#out.push({ kind: 'resolved', id: query.id, name: query.name, addresses: found.addresses });
    } else if (message.rcode === dns.NAME_ERROR || (message.rcode === dns.NO_ERROR && !message.truncated)) {
      this.#unknown(now, query);
    } else if (from === query.askedServer) {
      // SERVFAIL, REFUSED and their like: this server cannot say; the other one may.
      this.#replace(query, { ...query, heard: true, retryAt: now });
    }
  }

  /** The present candidate does not exist: the next one, if there is one. */
  #unknown(now: Instant, query: Query): void {
    const rest = query.candidates.slice(1);
    if (rest.length === 0) this.#fail(query, 'unknown-host');
    else this.#replace(query, this.#newQuery(now, query.id, query.name, rest));
  }

  #cached(now: Instant, name: string): Cached | null {
    const entry = this.#cache?.get(name.toLowerCase());
    return entry !== undefined && now < entry.expiresAt ? entry : null;
  }

  #remember(now: Instant, name: string, addresses: readonly Ipv4[], ttl: number): void {
    this.#cache ??= new Map();
    const oldest = this.#cache.keys().next();
    if (this.#cache.size >= MAX_CACHED && !oldest.done) this.#cache.delete(oldest.value);
    this.#cache.set(name.toLowerCase(), { addresses, expiresAt: now + Math.min(ttl, MAX_TTL) * SECOND });
  }
}

/** A name without a dot is looked for in the domain of the lease first; one that ends in a dot is complete. */
function candidatesOf(name: string, domain: string | null): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  if (domain === null) return [name];
  return name.includes('.') ? [name, `${name}.${domain}`] : [`${name}.${domain}`, name];
}

function questionFor(query: Query): dns.Message {
  return {
    id: query.messageId,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    rcode: 0,
    questions: [{ name: query.candidates[0]!, type: dns.TYPE_A, class: dns.CLASS_IN }],
    answers: [],
    authorities: [],
    additionals: [],
  };
}

/** RFC 5452 section 9.1: identifier, port and question have to be those that were sent. */
function isAnswerTo(query: Query, message: dns.Message, port: number): boolean {
  const question = message.questions[0];
  return (
    message.response &&
    message.id === query.messageId &&
    port === query.port &&
    question?.type === dns.TYPE_A &&
    question.name.toLowerCase() === query.candidates[0]!.toLowerCase()
  );
}

/** The addresses of `name` in the answer section, through its aliases; null when there is none. */
function addressesIn(message: dns.Message, name: string): { addresses: Ipv4[]; ttl: number } | null {
  let wanted = name.toLowerCase();
  let ttl = MAX_TTL;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const addresses: Ipv4[] = [];
    let alias: dns.ResourceRecord | null = null;
    for (const record of message.answers) {
      if (record.name.toLowerCase() !== wanted) continue;
      if (record.data.kind === 'address') {
        addresses.push(record.data.address);
        ttl = Math.min(ttl, record.ttl);
      } else if (record.type === dns.TYPE_CNAME) alias ??= record;
    }
    if (addresses.length > 0) return { addresses, ttl };
    if (alias === null || alias.data.kind !== 'name') return null;
    ttl = Math.min(ttl, alias.ttl);
    wanted = alias.data.name.toLowerCase();
  }
  return null;
}
