/**
 * A DHCP server (RFC 2131 section 4.3) with the options that telephones read: 150 and 66 for the TFTP server, 3, 6, 15, 42. It answers on
 * any number of networks, directly or through relays, each with its pool.
 */

import { isMalformed } from '../firmware/malformed.ts';
import type { Endpoint, Sockets, UdpSendOptions, UdpSocket } from '../firmware/net/sockets.ts';
import { ipv4Text, macText } from '../firmware/wire/address.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import type { Ipv4, Mac } from '../hal/nic.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { Instant } from '../hal/timer.ts';
import { DEAF, type LabEvent, type LabEventSink } from './lab-event.ts';
import { type Lease, LeaseTable } from './lease-table.ts';

export interface DhcpPool {
  /** Any address of the network, and the length of its prefix. */
  readonly network: Ipv4;
  readonly prefixLength: number;
  readonly first: Ipv4;
  readonly last: Ipv4;
  readonly excluded?: readonly Ipv4[];
  readonly reservations?: ReadonlyMap<Mac, Ipv4>;
  /** Seconds; Infinity for leases without end. */
  readonly leaseSeconds: number;
  readonly routers?: readonly Ipv4[];
  readonly domainNameServers?: readonly Ipv4[];
  readonly domainName?: string;
  readonly ntpServers?: readonly Ipv4[];
  /** Option 150. */
  readonly tftpServers?: readonly Ipv4[];
  /** Option 66. */
  readonly tftpServerName?: string;
  /** `siaddr`. */
  readonly nextServer?: Ipv4;
}

export interface DhcpServerOptions {
  readonly timeline: Timeline;
  readonly events?: LabEventSink;
  /**
   * The only server of its networks: it says NAK to a client that remembers an address it has no record of, or acknowledges it when
   * free, instead of staying silent (RFC 2131 section 4.3.2). Default true.
   */
  readonly authoritative?: boolean;
}

export interface DhcpCounters {
  discover: number;
  offer: number;
  request: number;
  ack: number;
  nak: number;
  decline: number;
  release: number;
  inform: number;
  expired: number;
  /** DISCOVERs that no address was left for. */
  noAddress: number;
  /** Not DHCP, or not a client's message. */
  malformed: number;
}

interface Network {
  pool: DhcpPool;
  readonly leases: LeaseTable;
  /** By what clients ask for. */
  readonly parameters: Map<string, dhcp.Options>;
}

interface Home {
  readonly sockets: Sockets;
  readonly address: Ipv4;
  socket: UdpSocket | null;
}

const BROADCAST: Ipv4 = 0xffff_ffff;

/** Large enough for every option set above; a reply of more than 576 octets would need option 57. */
const REPLY_SPACE = 1024;

/** Request lists of different clients that are remembered; there are about as many as models. */
const MAX_PARAMETER_SETS = 64;

export class DhcpServer {
  readonly counters: DhcpCounters = {
    discover: 0,
    offer: 0,
    request: 0,
    ack: 0,
    nak: 0,
    decline: 0,
    release: 0,
    inform: 0,
    expired: 0,
    noAddress: 0,
    malformed: 0,
  };
  readonly #timeline: Timeline;
  readonly #events: LabEventSink;
  readonly #authoritative: boolean;
  readonly #networks: Network[] = [];
  readonly #homes: Home[] = [];
  readonly #reply = new Uint8Array(REPLY_SPACE);
  #running = false;

  constructor(options: DhcpServerOptions) {
    this.#timeline = options.timeline;
    this.#events = options.events ?? DEAF;
    this.#authoritative = options.authoritative ?? true;
  }

  get running(): boolean {
    return this.#running;
  }

  addPool(pool: DhcpPool): LeaseTable {
    const leases = new LeaseTable({
      timeline: this.#timeline,
      first: pool.first,
      last: pool.last,
      excluded: pool.excluded ?? [],
      reservations: pool.reservations ?? new Map(),
      expired: (now, lease) => {
        this.counters.expired += 1;
        this.#tell(now, 'expired', lease.mac, lease.address, 0);
      },
    });
    this.#networks.push({ pool, leases, parameters: new Map() });
    return leases;
  }

  /** Changes what a pool hands out from now on: lease time, option 150 and so on. Its addresses stay. */
  changePool(network: Ipv4, changes: Partial<Omit<DhcpPool, 'network' | 'prefixLength' | 'first' | 'last'>>): void {
    const found = this.#networkOf(network);
    if (found === null) return;
    found.pool = { ...found.pool, ...changes };
    found.parameters.clear();
  }

  leasesOf(network: Ipv4): LeaseTable | null {
    return this.#networkOf(network)?.leases ?? null;
  }

  /** Who has that address by a lease; null for one that nobody has. */
  stationAt(address: Ipv4): Mac | null {
    for (const { leases } of this.#networks) {
      const lease = leases.at(address);
      if (lease?.state === 'bound') return lease.mac;
    }
    return null;
  }

  /** Answers on these sockets too; `address` is the server's own there. */
  serve(sockets: Sockets, address: Ipv4): void {
    const home: Home = { sockets, address, socket: null };
    this.#homes.push(home);
    if (this.#running) this.#open(home);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    for (const home of this.#homes) this.#open(home);
    this.#events(this.#timeline.now(), { type: 'service', service: 'dhcp', running: true });
  }

  /** Closes the sockets; leases stay as they are. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    for (const home of this.#homes) {
      home.socket?.close();
      home.socket = null;
    }
    this.#events(this.#timeline.now(), { type: 'service', service: 'dhcp', running: false });
  }

  #open(home: Home): void {
    home.socket = home.sockets.udp(dhcp.SERVER_PORT, (now, payload) => this.#receive(now, home, payload), {
      unconfigured: true,
    });
    if (home.socket === null) throw new Error(`port ${dhcp.SERVER_PORT} is taken on ${ipv4Text(home.address)}`);
  }

  #networkOf(address: Ipv4): Network | null {
    return this.#networks.find(({ pool }) => sameNetwork(address, pool.network, pool.prefixLength)) ?? null;
  }

  #receive(now: Instant, home: Home, payload: Uint8Array): void {
    const message = dhcp.parse(payload);
    if (isMalformed(message) || message.op !== dhcp.BOOTREQUEST) {
      this.counters.malformed += 1;
      return;
    }
    const network = this.#networkOf(message.giaddr === 0 ? home.address : message.giaddr);
    if (network === null) return;
    this.#handle(now, home, network, message);
  }

  #handle(now: Instant, home: Home, network: Network, message: dhcp.Message): void {
    switch (message.options.messageType) {
      case dhcp.DISCOVER:
        this.#discover(now, home, network, message);
        break;
      case dhcp.REQUEST:
        this.#request(now, home, network, message);
        break;
      case dhcp.DECLINE:
        this.#decline(now, home, network, message);
        break;
      case dhcp.RELEASE:
        this.#release(now, home, network, message);
        break;
      case dhcp.INFORM:
        this.counters.inform += 1;
        this.#send(now, home, network, message, dhcp.ACK, 0);
        break;
      default:
        this.counters.malformed += 1;
    }
  }

  #discover(now: Instant, home: Home, network: Network, message: dhcp.Message): void {
    this.counters.discover += 1;
    const lease = network.leases.offer(message.chaddr, message.options.requestedAddress);
    if (lease === null) {
      this.counters.noAddress += 1;
      this.#tell(now, 'no-address', message.chaddr, 0, home.address);
      return;
    }
    this.counters.offer += 1;
    this.#send(now, home, network, message, dhcp.OFFER, lease.address);
  }

  /** The four kinds of REQUEST are told apart as RFC 2131 table 4 does: by server identifier, requested address and `ciaddr`. */
  #request(now: Instant, home: Home, network: Network, message: dhcp.Message): void {
    this.counters.request += 1;
    const { chaddr, ciaddr } = message;
    const { serverIdentifier, requestedAddress } = message.options;
    const lease = network.leases.find(chaddr);
    if (serverIdentifier !== undefined) {
      if (serverIdentifier !== home.address) {
        // SELECTING, and another server was selected: the offer is free again.
        if (lease?.state === 'offered') network.leases.release(chaddr);
        return;
      }
      const ours = lease !== null && lease.state !== 'remembered' && lease.address === requestedAddress;
      if (ours) this.#acknowledge(now, home, network, message, lease.address);
      else this.#refuse(now, home, network, message);
      return;
    }
    // INIT-REBOOT carries the address as an option, RENEWING and REBINDING in `ciaddr`.
    const address = requestedAddress ?? ciaddr;
    if (!sameNetwork(address, network.pool.network, network.pool.prefixLength)) {
      this.#refuse(now, home, network, message);
      return;
    }
    if (!this.#knows(lease, address) && !this.#authoritative) {
      // "If the DHCP server has no record of this client, then it MUST remain silent" (4.3.2).
      if (lease !== null) this.#refuse(now, home, network, message);
      return;
    }
    if (network.leases.allows(chaddr, address)) this.#acknowledge(now, home, network, message, address);
    else this.#refuse(now, home, network, message);
  }

  #knows(lease: Lease | null, address: Ipv4): boolean {
    return lease !== null && lease.address === address && lease.state !== 'declined';
  }

  #acknowledge(now: Instant, home: Home, network: Network, message: dhcp.Message, address: Ipv4): void {
    network.leases.bind(message.chaddr, address, network.pool.leaseSeconds);
    this.counters.ack += 1;
    this.#send(now, home, network, message, dhcp.ACK, address);
  }

  #refuse(now: Instant, home: Home, network: Network, message: dhcp.Message): void {
    this.counters.nak += 1;
    this.#send(now, home, network, message, dhcp.NAK, 0);
  }

  #decline(now: Instant, home: Home, network: Network, message: dhcp.Message): void {
    const address = message.options.requestedAddress;
    if (message.options.serverIdentifier !== home.address || address === undefined) return;
    if (!network.leases.decline(message.chaddr, address)) return;
    this.counters.decline += 1;
    this.#tell(now, 'decline', message.chaddr, address, home.address);
  }

  #release(now: Instant, home: Home, network: Network, message: dhcp.Message): void {
    const lease = network.leases.find(message.chaddr);
    if (lease === null || lease.address !== message.ciaddr || network.leases.release(message.chaddr) === null) return;
    this.counters.release += 1;
    this.#tell(now, 'release', message.chaddr, lease.address, home.address);
  }

  #send(now: Instant, home: Home, network: Network, request: dhcp.Message, messageType: number, yiaddr: Ipv4): void {
    const nak = messageType === dhcp.NAK;
    const { relayAgentInformation } = request.options;
    const reply: dhcp.Message = {
      op: dhcp.BOOTREPLY,
      hops: 0,
      xid: request.xid,
      secs: 0,
      // A relay can reach a client without an address by broadcast only (4.3.2).
      flags: nak && request.giaddr !== 0 ? request.flags | dhcp.BROADCAST_FLAG : request.flags,
      ciaddr: messageType === dhcp.ACK ? request.ciaddr : 0,
      yiaddr,
      siaddr: nak ? 0 : (network.pool.nextServer ?? 0),
      giaddr: request.giaddr,
      chaddr: request.chaddr,
      sname: '',
      file: '',
      options: {
        messageType,
        serverIdentifier: home.address,
        ...(nak ? {} : this.#parameters(network, request, yiaddr !== 0)),
        // RFC 3046 2.2: echoed as it came.
        ...(relayAgentInformation === undefined ? {} : { relayAgentInformation }),
      },
    };
    const length = dhcp.emit(reply, this.#reply);
    const { to, options } = destination(request, nak, yiaddr);
    home.socket?.send(now, to, this.#reply.subarray(0, length), options);
    const outcome = OUTCOMES[messageType] ?? 'ack';
    this.#tell(
      now,
      request.options.messageType === dhcp.INFORM ? 'inform' : outcome,
      request.chaddr,
      yiaddr,
      home.address,
    );
  }

  /** What the pool hands out to those who ask for these options; the phones of a model all ask for the same. */
  #parameters(network: Network, request: dhcp.Message, withLease: boolean): dhcp.Options {
    const wanted = request.options.parameterRequestList;
    const key = `${withLease ? 'lease' : 'no lease'} ${wanted === undefined ? 'all' : String.fromCharCode(...wanted)}`;
    const known = network.parameters.get(key);
    if (known !== undefined) return known;
    const made = parameters(network.pool, wanted, withLease);
    if (network.parameters.size >= MAX_PARAMETER_SETS) network.parameters.clear();
    network.parameters.set(key, made);
    return made;
  }

  #tell(now: Instant, outcome: DhcpOutcome, client: Mac, address: Ipv4, server: Ipv4): void {
    if (this.#events === DEAF) return;
    const text = ipv4Text(address);
    this.#events(now, { type: 'dhcp', outcome, client: macText(client), address: text, server: ipv4Text(server) });
  }
}

/** Lease times, and of the pool's parameters those that the client asked for; all of them when it gave no list. */
function parameters(pool: DhcpPool, wanted: readonly number[] | undefined, withLease: boolean): dhcp.Options {
  const { leaseSeconds } = pool;
  const options: Record<string, unknown> = {};
  if (withLease) {
    const finite = leaseSeconds !== Number.POSITIVE_INFINITY;
    options.leaseTime = finite ? leaseSeconds : dhcp.INFINITE;
    // RFC 2131 section 4.4.5: T1 at half, T2 at seven eighths of the lease.
    if (finite) {
      options.renewalTime = Math.floor(leaseSeconds / 2);
      options.rebindingTime = Math.floor((leaseSeconds * 7) / 8);
    }
  }
  if (wanted === undefined || wanted.includes(1)) options.subnetMask = maskOf(pool.prefixLength);
  for (const [code, name] of POOL_OPTIONS) {
    const value = pool[name];
    if (value !== undefined && value.length > 0 && (wanted === undefined || wanted.includes(code)))
      options[name] = value;
  }
  return options as dhcp.Options;
}

/** Options whose name in the pool is that in the message. */
const POOL_OPTIONS = [
  [3, 'routers'],
  [6, 'domainNameServers'],
  [15, 'domainName'],
  [42, 'ntpServers'],
  [66, 'tftpServerName'],
  [150, 'tftpServers'],
] as const satisfies readonly (readonly [number, keyof DhcpPool & keyof dhcp.Options])[];

type DhcpOutcome = Extract<LabEvent, { type: 'dhcp' }>['outcome'];

const OUTCOMES: Readonly<Record<number, DhcpOutcome>> = { [dhcp.OFFER]: 'offer', [dhcp.ACK]: 'ack', [dhcp.NAK]: 'nak' };

/** RFC 2131 section 4.1: where the reply goes. */
function destination(
  request: dhcp.Message,
  nak: boolean,
  yiaddr: Ipv4,
): { readonly to: Endpoint; readonly options?: UdpSendOptions } {
  if (request.giaddr !== 0) return { to: { address: request.giaddr, port: dhcp.SERVER_PORT } };
  if (nak) return { to: { address: BROADCAST, port: dhcp.CLIENT_PORT } };
  if (request.ciaddr !== 0) return { to: { address: request.ciaddr, port: dhcp.CLIENT_PORT } };
  if ((request.flags & dhcp.BROADCAST_FLAG) !== 0 || yiaddr === 0) {
    return { to: { address: BROADCAST, port: dhcp.CLIENT_PORT } };
  }
  return { to: { address: yiaddr, port: dhcp.CLIENT_PORT }, options: { station: request.chaddr } };
}

export function maskOf(prefixLength: number): Ipv4 {
  return prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0;
}

function sameNetwork(a: Ipv4, b: Ipv4, prefixLength: number): boolean {
  return ((a ^ b) & maskOf(prefixLength)) === 0;
}
