/**
 * Looks at the network that a phone would meet, in the order of its nine steps, and registers nothing: no DHCP REQUEST, no Register, under 60 frames.
 * Every finding is one line, with what to do where it is not well.
 */
import type { Lease } from '../firmware/protocols/dhcp-lease.ts';
import type { FileOutcome } from '../firmware/protocols/file-outcome.ts';
import { NameResolver } from '../firmware/startup/name-resolver.ts';
import { ipv4Text, macText, parseIpv4 } from '../firmware/wire/address.ts';
import type { Board } from '../hal/board.ts';
import type { Ipv4, Mac } from '../hal/nic.ts';
import type { Rng } from '../hal/rng.ts';
import type { CertificateFields, CompletionResult, Operation } from '../hal/secure.ts';
import type { Timeline } from '../hal/timeline.ts';
import { type Duration, MILLISECOND, SECOND } from '../hal/timer.ts';
import type { Tls } from '../hal/tls.ts';
import { type TunableValues, tunableValues } from '../hal/tunables.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { CountedWire } from './counted-wire.ts';
import { fetchFile, PROBED_FILES } from './files.ts';
import type { Finding } from './finding.ts';
import { linkFinding, neighborFinding, noOfferFinding, offerFinding, powerFinding, unasked } from './findings.ts';
import { Neighbors } from './neighbors.ts';
import { offersIn } from './offers.ts';
import { connectTo, greet } from './ports.ts';
import { chooseServers } from './server-choice.ts';
import { callManagersIn, type FileContents, fileFinding, portFinding, securePortFinding } from './service-findings.ts';
import { type Script, Station } from './station.ts';

/** An address of the operator's own choice. */
export interface StaticAddress {
  readonly address: Ipv4;
  readonly prefixLength: number;
  readonly router: Ipv4 | null;
}

export interface PreflightOptions {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly wire: WireEnd;
  /** Whom to look like. */
  readonly board: Board;
  readonly secure: {
    readonly tls: Tls;
    certificate(der: Uint8Array): CertificateFields | null;
  };
  /** Asked besides, or instead of, the voice VLAN that the switch names. */
  readonly vlan: number | null;
  readonly address: StaticAddress | null;
  /** Where the files are; what DHCP says unless given. */
  readonly tftp: readonly Ipv4[];
  /** Without an address of its own: whether that of an offer may be used for the few seconds that the files and ports take. */
  readonly borrows: boolean;
  /** How long to listen before the first frame; 0 where nobody else can be. */
  readonly listen: Duration;
  /** Unix seconds of the timeline's 0: whether certificates are still good. */
  readonly epochSeconds: number;
  readonly found: (finding: Finding) => void;
  /** Called once: all has been looked at, or somebody else has this MAC address. */
  readonly over: (why: 'done' | 'own-mac') => void;
  /** A file that arrived whole, so that its contents can be told. Returns what it is, in words, or what is wrong with it. */
  readonly read: (name: string, octets: Uint8Array) => FileContents;
}

/** A phone's own patience, with fewer repetitions: a preflight has 59 frames for everything. */
const TUNABLES: TunableValues = tunableValues({
  'cdp.bootQueries': 3,
  'cdp.bootInterval': 2,
  'cdp.interval': 900,
  'lldp.fastStartCount': 1,
  'lldp.interval': 3600,
  'lldp.bootWait': 8,
  'dns.tries': 2,
  'http.connectTimeout': 2,
  'tftp.firstRetry': 1,
  'tftp.tries': 2,
  // Only to have fewer acknowledgements; a server that does not know the option answers with 512.
  'tftp.blockSize': 1428,
});

/** As long as a phone waits before it goes on untagged. */
const NEIGHBOR_WAIT = TUNABLES['vlan.totalWait'] * SECOND;
/** Once one of the two protocols has spoken: the other may be about to. */
const OTHER_NEIGHBOR = 2 * SECOND;
const CARRIER = 5 * SECOND;

/** RFC 5227 2.1.1: PROBE_NUM, and a pause within PROBE_MIN and PROBE_MAX. */
const PROBES = 3;
const PROBE_INTERVAL = SECOND;
/** Whether a router is there is asked in the same words, which nobody remembers. */
const ROUTER_ASKS = 2;
const ROUTER_INTERVAL = 700 * MILLISECOND;
const LAST_WORDS = 50 * MILLISECOND;

/** Frames of one check at worst; what does not fit is not begun. */
const FRAMES = { connect: 3, tls: 4, http: 8, tftp: 4 } as const;

const PLAIN_PORTS = [2000, 5060] as const;
const SECURE_PORTS = [2443, 5061, 3804, 2445] as const;
const HTTPS_PORT = 6971;

interface Place {
  readonly vlan: number | null;
  readonly offers: readonly Lease[];
}

export class Preflight {
  readonly #options: PreflightOptions;
  readonly #wire: CountedWire;
  readonly #neighbors: Neighbors;
  readonly #station: Station;
  readonly #names: NameResolver;
  #isOver = false;

  constructor(options: PreflightOptions) {
    const { wire, board, rng, timeline } = options;
    this.#options = options;
    this.#wire = new CountedWire(wire, board.mac, () => this.#end('own-mac'));
    this.#neighbors = new Neighbors(board, TUNABLES, rng, () => this.#station);
    this.#station = new Station({
      timeline,
      rng,
      wire: this.#wire,
      mac: board.mac,
      discovery: (now, kind, bytes, offset, length) => this.#neighbors.hear(now, kind, bytes, offset, length),
    });
    this.#names = new NameResolver(this.#station.stack, rng, TUNABLES);
    this.#station.add(this.#neighbors);
    this.#station.add(this.#names);
  }

  /** Frames that have left so far. */
  get sent(): number {
    return this.#wire.sent;
  }

  start(): void {
    this.#station.run(this.#script());
  }

  /** Ends it early, with the good-bye that is due. */
  stop(): void {
    this.#end('done');
  }

  /** What an operation of `secure.tls` came to. */
  complete(operation: Operation, result: CompletionResult): void {
    if (!this.#isOver) this.#station.complete(operation, result);
  }

  #end(why: 'done' | 'own-mac'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const now = this.#station.now();
    // Somebody else's MAC address: nothing more is said under it, no good-bye either.
    if (why === 'own-mac') this.#wire.shut();
    this.#station.abandon();
    this.#neighbors.stop(now);
    this.#station.stack.setVlan(now, 'undecided');
    this.#wire.shut();
    this.#options.over(why);
  }

  #tell(finding: Finding): void {
    this.#options.found(finding);
  }

  *#script(): Script<void> {
    const { listen } = this.#options;
    const station = this.#station;
    yield* station.wait(() => false, listen);
    yield* station.wait(() => station.nic.link().up, CARRIER);
    this.#tell(linkFinding(station.nic.link()));
    if (station.nic.link().up) {
      this.#wire.open();
      yield* this.#network();
      // Resets leave with the next dispatch.
      yield* station.wait(() => false, LAST_WORDS);
    }
    this.#end('done');
  }

  *#network(): Script<void> {
    const learned = yield* this.#askSwitch();
    const vlan = this.#options.vlan ?? learned;
    const places = [yield* this.#askDhcp(null, vlan === null)];
    if (vlan !== null) places.push(yield* this.#askDhcp(vlan, true));
    // A phone would be in the last one. Where only the other answers, that is where there is something to be seen.
    const place = [...places].reverse().find(({ offers }) => offers.length > 0) ?? places.at(-1)!;
    const standing = yield* this.#stand(place);
    if (standing === null) return;
    yield* this.#askRouter(standing.router);
    const offer = place.offers[0] ?? null;
    yield* this.#askDns(offer);
    const { servers, finding } = yield* chooseServers(this.#options.tftp, offer, (name) => this.#resolve(name));
    this.#tell(finding);
    const callManager = yield* this.#askFiles(servers);
    yield* this.#askPorts(servers, callManager);
  }

  /** The voice VLAN that the switch names; null for none. */
  *#askSwitch(): Script<number | null> {
    const station = this.#station;
    const heard = this.#neighbors;
    heard.start(station.now(), station.nic.link().fullDuplex);
    const cdpSpoke = (): boolean => heard.cdpVlan !== null || heard.cdpSilent;
    const lldpSpoke = (): boolean => heard.policy !== null || heard.lldpSilent;
    const named = (): boolean => typeof heard.cdpVlan === 'number' || heard.policy !== null;
    yield* station.wait(() => named() || (cdpSpoke() && lldpSpoke()), NEIGHBOR_WAIT);
    if (named()) yield* station.wait(() => cdpSpoke() && lldpSpoke(), OTHER_NEIGHBOR);
    this.#tell(neighborFinding(heard));
    this.#tell(powerFinding(heard));
    const byCdp = typeof heard.cdpVlan === 'number' ? heard.cdpVlan : null;
    const byLldp = heard.policy?.tagged === true ? heard.policy.vlan : null;
    // By default CDP wins where they differ (`vlan.precedence`); 0 is a priority tag without a VLAN.
    return byCdp || byLldp || null;
  }

  /** @param needed this is where phones would be. */
  *#askDhcp(vlan: number | null, needed: boolean): Script<Place> {
    const station = this.#station;
    station.stack.setVlan(station.now(), { vlan, priority: 0 });
    const { board, rng } = this.#options;
    const offers = yield* offersIn(station, board, rng, TUNABLES);
    if (offers.length === 0) this.#tell(noOfferFinding(vlan, needed));
    for (const [index, offer] of offers.entries()) this.#tell(offerFinding(vlan, offer, index));
    return { vlan, offers };
  }

  /** Takes an address for the checks that need one. Null: there is none, and they are left out. */
  *#stand({ vlan, offers }: Place): Script<{ readonly router: Ipv4 | null } | null> {
    const station = this.#station;
    const { address: own, borrows } = this.#options;
    const [offer] = offers;
    station.stack.setVlan(station.now(), { vlan, priority: 0 });
    this.#names.configure(station.now(), offer?.dns ?? [], offer?.domain ?? null);
    if (own === null && (offer === undefined || !borrows)) {
      const why = offer === undefined ? 'there is no address' : '--no-borrow';
      const text = `gateway, DNS, files and ports have not been looked at: ${why}`;
      this.#tell(unasked('address', text, 'give one with --static ADDRESS/LENGTH,ROUTER'));
      return null;
    }
    const config = own ?? {
      address: offer!.address,
      prefixLength: offer!.prefixLength,
      router: offer!.routers[0] ?? null,
    };
    const holder = yield* this.#ask(config.address, PROBES, PROBE_INTERVAL);
    const name = ipv4Text(config.address);
    if (holder !== null) {
      const found = `${name} is in use by ${macText(holder)}`;
      const remedy = own === null ? 'somebody has it without a lease: find out who' : 'take another one';
      this.#tell({
        check: 'address',
        state: 'missing',
        found,
        remedy,
        facts: { address: name, holder: macText(holder) },
      });
      return null;
    }
    const { address, prefixLength, router } = config;
    station.stack.setAddress(station.now(), { address, prefixLength, routers: router === null ? [] : [router] });
    const borrowed = own === null;
    this.#tell({
      check: 'address',
      state: 'ok',
      found: borrowed
        ? `${name}/${prefixLength} out of the offer, borrowed for these checks without a lease; nobody answers for it`
        : `${name}/${prefixLength}, as written; nobody answers for it`,
      remedy: null,
      facts: { address: `${name}/${prefixLength}`, borrowed, vlan },
    });
    return { router };
  }

  /** Who answers ARP for an address; null for nobody. */
  *#ask(address: Ipv4, count: number, interval: Duration): Script<Mac | null> {
    let verdict: { readonly holder: Mac | null } | null = null;
    this.#station.stack.probeAddress(this.#station.now(), address, count, interval, (_inUse, mac) => {
      verdict = { holder: mac };
    });
    yield* this.#station.wait(() => verdict !== null, (count + 1) * interval);
    return (verdict as { readonly holder: Mac | null } | null)?.holder ?? null;
  }

  *#askRouter(router: Ipv4 | null): Script<void> {
    if (router === null) {
      const remedy = 'without option 3 a phone reaches its own network only';
      this.#tell({ check: 'gateway', state: 'limited', found: 'none is named', remedy });
      return;
    }
    const name = ipv4Text(router);
    const holder = yield* this.#ask(router, ROUTER_ASKS, ROUTER_INTERVAL);
    this.#tell(
      holder === null
        ? {
            check: 'gateway',
            state: 'limited',
            found: `${name} does not answer ARP`,
            remedy:
              'look at its interface in this VLAN; a switch with dynamic ARP inspection lets no borrowed address speak: lease one and give it with --static',
            facts: { router: name, mac: null },
          }
        : {
            check: 'gateway',
            state: 'ok',
            found: `${name} is ${macText(holder)}`,
            remedy: null,
            facts: { router: name, mac: macText(holder) },
          },
    );
  }

  /** Whether the name servers answer; asked for the name that a phone asks for when it knows no TFTP server. */
  *#askDns(offer: Lease | null): Script<void> {
    const check = 'dns';
    if (offer === null || offer.dns.length === 0) {
      const remedy = 'names of call managers cannot be resolved: have DHCP give option 6, or use addresses only';
      this.#tell({ check, state: 'limited', found: 'no name server is known', remedy });
      return;
    }
    const servers = offer.dns.map(ipv4Text);
    const name = offer.domain === null ? 'CiscoCM1' : `CiscoCM1.${offer.domain}`;
    const answer = yield* this.#resolve(name);
    if (answer === 'timeout') {
      const found = `${servers.join(', ')} does not answer`;
      const remedy = 'look at the name server and at the way to it';
      this.#tell({ check, state: 'limited', found, remedy, facts: { servers, answers: false } });
      return;
    }
    const addresses = answer.map(ipv4Text);
    const found = `${servers.join(', ')} answers; ${name}: ${addresses.join(', ') || 'not known'}`;
    this.#tell({ check, state: 'ok', found, remedy: null, facts: { servers, answers: true, name, addresses } });
  }

  *#resolve(name: string): Script<readonly Ipv4[] | 'timeout'> {
    let result: readonly Ipv4[] | 'timeout' | null = null;
    this.#names.resolve(this.#station.now(), name, (_now, answer) => {
      if (answer.ok) result = answer.addresses;
      else result = answer.why === 'timeout' ? 'timeout' : [];
    });
    yield* this.#station.wait(() => result !== null, 10 * SECOND);
    return result ?? 'timeout';
  }

  /** The files that every phone may have, by HTTP and by TFTP. Returns the call managers that the default configuration names. */
  *#askFiles(servers: readonly Ipv4[]): Script<string | null> {
    const [server] = servers;
    if (server === undefined) return null;
    const wholes = new Map<string, Uint8Array>();
    for (const via of ['http', 'tftp'] as const) {
      for (const name of PROBED_FILES) {
        const fully = !wholes.has(name);
        if (this.#wire.left < FRAMES[via]) {
          this.#tell(unasked(`${via} ${name}`, 'not asked for: the frames of a preflight are used up', null));
          continue;
        }
        const outcome: FileOutcome = yield* fetchFile(this.#station, TUNABLES, via, server, name, fully);
        const contents = outcome.outcome === 'received' && fully ? this.#options.read(name, outcome.octets) : null;
        if (outcome.outcome === 'received' && fully) wholes.set(name, outcome.octets);
        this.#tell(fileFinding(via, server, name, outcome, contents));
        // Nobody is there: the other files would only tell the same.
        if (outcome.outcome === 'timeout' || (via === 'http' && outcome.outcome === 'error' && outcome.code === 0))
          break;
      }
    }
    const defaults = wholes.get(PROBED_FILES[0]);
    return defaults === undefined ? null : (callManagersIn(defaults)[0] ?? null);
  }

  *#askPorts(servers: readonly Ipv4[], callManager: string | null): Script<void> {
    const [server] = servers;
    const named = callManager === null ? null : yield* this.#addressOf(callManager);
    const host = named ?? server;
    if (host === undefined) return;
    for (const port of PLAIN_PORTS) {
      if (this.#wire.left < FRAMES.connect) this.#tell(unasked(`tcp ${port}`, USED_UP, null));
      else this.#tell(portFinding(port, host, yield* connectTo(this.#station, { address: host, port })));
    }
    for (const port of SECURE_PORTS) yield* this.#askSecure(host, port);
    if (server !== undefined) yield* this.#askSecure(server, HTTPS_PORT);
  }

  *#addressOf(name: string): Script<Ipv4 | null> {
    const address = parseIpv4(name);
    if (address !== null) return address;
    const answer = yield* this.#resolve(name);
    const found = answer === 'timeout' ? null : (answer[0] ?? null);
    if (found === null) {
      const remedy = 'phones cannot find it either: put it into DNS, or name it by its address';
      this.#tell({ check: 'call manager', state: 'missing', found: `${name} cannot be resolved`, remedy });
    }
    return found;
  }

  *#askSecure(host: Ipv4, port: number): Script<void> {
    if (this.#wire.left < FRAMES.tls) {
      this.#tell(unasked(`tls ${port}`, USED_UP, null));
      return;
    }
    const { secure, epochSeconds } = this.#options;
    const answer = yield* greet(this.#station, secure.tls, { address: host, port });
    const certificate =
      answer.state === 'open' && answer.certificate !== null ? secure.certificate(answer.certificate) : null;
    const now = epochSeconds + this.#station.now() / SECOND;
    this.#tell(securePortFinding(port, host, answer, certificate, now));
  }
}

const USED_UP = 'not asked: the frames of a preflight are used up';
