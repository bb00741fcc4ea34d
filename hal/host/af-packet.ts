/**
 * A network interface of this machine as a wire: a packet socket (packet(7)) that receives through a ring shared with the kernel and sends in
 * batches. Needs CAP_NET_RAW. What leaves here is not heard again, nor is anything else that this machine sends on the interface.
 */
import { performance } from 'node:perf_hooks';
import type { LinkState, Mac } from '../nic.ts';
import { BROADCAST_MAC } from '../nic.ts';
import type { WireEnd, WireReceiver } from '../wire-end.ts';
import { ERRNO, libc } from './libc.ts';
import { MachineLack } from './machine-lack.ts';
import { interfaceIndex, interfaceLink } from './network-interface.ts';
import { coveringPrefixes, destinationFilter } from './packet-filter.ts';
import { PacketRing, setPacketOption } from './packet-ring.ts';
import { ReadableWaiter } from './readable-waiter.ts';
import { SendBatch } from './send-batch.ts';

export interface AfPacketOptions {
  readonly interface: string;
  /** Addresses whose frames are wanted; `setMacs` changes them. */
  readonly macs?: Iterable<Mac>;
  /** Group addresses that are wanted besides; broadcast, CDP, LLDP and EAPOL unless given. */
  readonly groups?: readonly Mac[];
  /** Frames that wait in the kernel while the process does something else, 2 KiB each. */
  readonly ringFrames?: number;
  /**
   * How long after a transmission to look for the answer without sleeping, in microseconds. A lock-step protocol gets its answers sooner;
   * with thousands of phones, which always have something to send, it would only burn time: 0 there.
   */
  readonly pollMicroseconds?: number;
}

export interface AfPacketCounters {
  readonly receivedFrames: number;
  /** The ring was full. */
  readonly droppedFrames: number;
  /** Longer than an Ethernet frame: receive offload (GRO, TSO of a local peer) is on. */
  readonly oversizedFrames: number;
  readonly sentFrames: number;
  readonly refusedFrames: number;
}

/** Broadcast, Cisco's CDP group, and of IEEE 802.1: LLDP's three scopes and EAPOL. */
export const DISCOVERY_GROUPS: readonly Mac[] = [
  BROADCAST_MAC,
  0x01000ccccccc,
  0x0180c200000e,
  0x0180c2000003,
  0x0180c2000000,
];

/** 55 ms of 0.3 million frames a second: longer than a collection of garbage, or than others on a busy machine keep the core. */
const DEFAULT_RING_FRAMES = 16_384;
const DEFAULT_POLL_MICROSECONDS = 200;
/** Then timers and others have their turn. */
const FRAMES_A_TURN = 256;
/** Exact addresses while there are no more than this; prefixes for more. The kernel compares one after the other. */
const MAX_MAC_PREFIXES = 64;

const AF_PACKET = 17;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const ETH_P_ALL_BIG_ENDIAN = 0x0300;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_ATTACH_FILTER = 26;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const SOCKADDR_LL_OCTETS = 20;

export class AfPacketWire implements WireEnd {
  readonly #interface: string;
  readonly #groups: readonly Mac[];
  readonly #fd: number;
  readonly #linkFd: number;
  readonly #ring: PacketRing;
  readonly #batch: SendBatch;
  readonly #waiter: ReadableWaiter;
  readonly #pollMilliseconds: number;
  #receiver: WireReceiver | null = null;
  #link: LinkState;
  #flushQueued = false;
  #pollUntil = 0;
  #closed: Promise<void> | null = null;
  #countersAtEnd: AfPacketCounters | null = null;

  /** Opens the interface. Throws MachineLack when there is no such interface, or no right to do so. */
  static open(options: AfPacketOptions): AfPacketWire {
    const index = interfaceIndex(options.interface);
    const fds: number[] = [];
    try {
      fds.push(openSocket(options.interface));
      fds.push(openLinkEvents());
      return new AfPacketWire(options, index, fds[0]!, fds[1]!);
    } catch (error) {
      for (const fd of fds) libc().close(fd);
      throw error;
    }
  }

  private constructor(options: AfPacketOptions, index: number, fd: number, linkFd: number) {
    this.#interface = options.interface;
    this.#groups = options.groups ?? DISCOVERY_GROUPS;
    this.#pollMilliseconds = (options.pollMicroseconds ?? DEFAULT_POLL_MICROSECONDS) / 1_000;
    this.#fd = fd;
    this.#linkFd = linkFd;
    // With protocol 0 nothing is received until `bind`, so nothing gets past the filter.
    this.setMacs(options.macs ?? []);
    setPacketOption(fd, PACKET_IGNORE_OUTGOING, Int32Array.of(1));
    // struct packet_mreq: interface, type, length of the address, address.
    setPacketOption(fd, PACKET_ADD_MEMBERSHIP, Int32Array.of(index, PACKET_MR_PROMISC, 0, 0));
    this.#ring = new PacketRing(fd, options.ringFrames ?? DEFAULT_RING_FRAMES);
    bindTo(fd, index);
    this.#batch = new SendBatch(fd);
    this.#link = interfaceLink(fd, options.interface);
    this.#waiter = new ReadableWaiter([fd, linkFd]);
    this.#sleep();
  }

  /** The kernel lets through frames to these, and to the groups; others are dropped before they cost anything. */
  setMacs(macs: Iterable<Mac>): void {
    if (this.#closed !== null) return;
    const groups = this.#groups.map((mac) => ({ mac, bits: 48 }));
    const program = destinationFilter([...coveringPrefixes(macs, MAX_MAC_PREFIXES), ...groups]);
    attachFilter(this.#fd, program);
  }

  transmit(bytes: Uint8Array, length: number): void {
    if (this.#closed !== null || !this.#link.up) return;
    this.#batch.add(bytes, length);
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => this.#flush());
  }

  attach(receiver: WireReceiver): void {
    this.#receiver = receiver;
    receiver.link(this.#link);
  }

  link(): LinkState {
    return this.#link;
  }

  counters(): AfPacketCounters {
    if (this.#countersAtEnd !== null) return this.#countersAtEnd;
    const { received, dropped, oversized } = this.#ring.counters();
    return {
      receivedFrames: received,
      droppedFrames: dropped,
      oversizedFrames: oversized,
      sentFrames: this.#batch.sent,
      refusedFrames: this.#batch.refused,
    };
  }

  /** Sends what waits and lets go of the interface. Nothing is delivered any more, not even while the promise is pending. */
  close(): Promise<void> {
    if (this.#closed === null) {
      this.#flush();
      this.#countersAtEnd = this.counters();
      this.#receiver = null;
      this.#closed = this.#release();
    }
    return this.#closed;
  }

  async #release(): Promise<void> {
    await this.#waiter.close();
    this.#ring.close();
    libc().close(this.#linkFd);
    libc().close(this.#fd);
  }

  #flush(): void {
    this.#flushQueued = false;
    if (this.#closed !== null || this.#batch.count === 0) return;
    this.#batch.flush();
    if (this.#pollMilliseconds > 0) this.#pollUntil = performance.now() + this.#pollMilliseconds;
  }

  #sleep(): void {
    // An interface that goes down leaves an error on the socket, which would wake the waiter again and again.
    libc().getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, new Int32Array(1), Int32Array.of(4));
    this.#waiter.wait(([, linkChanged]) => {
      if (linkChanged) this.#readLinkEvents();
      this.#pump();
    });
  }

  /** Takes what is in the ring, turn by turn, and goes to sleep when nothing more came for a while. */
  #pump(): void {
    if (this.#closed !== null) return;
    const taken = this.#ring.drain(FRAMES_A_TURN, (bytes, length) => this.#receiver?.frame(bytes, length));
    if (this.#closed !== null) return;
    if (taken > 0 || (this.#pollUntil > 0 && performance.now() < this.#pollUntil)) setImmediate(() => this.#pump());
    else this.#sleep();
  }

  #readLinkEvents(): void {
    const scratch = new Uint8Array(8_192);
    while (libc().recv(this.#linkFd, scratch, scratch.length, MSG_DONTWAIT) > 0);
    const link = interfaceLink(this.#fd, this.#interface);
    const { up, speed, fullDuplex } = this.#link;
    if (link.up === up && link.speed === speed && link.fullDuplex === fullDuplex) return;
    this.#link = link;
    this.#receiver?.link(link);
  }
}

function openSocket(name: string): number {
  const fd = libc().socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd >= 0) return fd;
  const errno = libc().errno();
  if (errno === ERRNO.EPERM || errno === ERRNO.EACCES) {
    throw new MachineLack(`no right to open "${name}" raw: run as root, or give node the capability CAP_NET_RAW`);
  }
  throw new MachineLack(`this machine gives no packet socket (error ${errno})`);
}

function attachFilter(fd: number, program: Uint8Array): void {
  // struct sock_fprog: count of instructions, address of the first; the kernel copies them.
  const header = new Uint8Array(16);
  const view = new DataView(header.buffer);
  view.setBigUint64(8, libc().addressOf(program), true);
  view.setUint16(0, program.length / 8, true);
  const result = libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length);
  if (result !== 0) throw new Error(`filter of ${program.length} octets: error ${libc().errno()}`);
}

function bindTo(fd: number, index: number): void {
  const address = new Uint8Array(SOCKADDR_LL_OCTETS);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL_BIG_ENDIAN, true);
  view.setInt32(4, index, true);
  if (libc().bind(fd, address, address.length) === 0) return;
  const errno = libc().errno();
  // A packet socket binds to an interface that is down, and says so.
  if (errno !== ERRNO.ENETDOWN) throw new Error(`bind to interface ${index}: error ${errno}`);
}

/** A netlink socket that becomes readable when any interface changes (rtnetlink(7)). */
function openLinkEvents(): number {
  const fd = libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new Error(`netlink socket: error ${libc().errno()}`);
  const address = new Uint8Array(12);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, RTMGRP_LINK, true);
  if (libc().bind(fd, address, address.length) !== 0) throw new Error(`netlink bind: error ${libc().errno()}`);
  return fd;
}
