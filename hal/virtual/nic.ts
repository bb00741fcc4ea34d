import { CLOSED_FILTER, type LinkState, type Mac, type Nic, type NicCounters, type ReceiveFilter } from '../nic.ts';
import type { WireEnd } from '../wire-end.ts';
import { FrameQueue, giveBack, storeFrame } from './frame-pool.ts';
import { passes } from './receive-filter.ts';

export interface WireNicOptions {
  readonly mac: Mac;
  /** Virtual or real; the NIC plugs itself in. */
  readonly wire: WireEnd;
  /** Runs `onFrame`. `bytes` is valid until it returns. */
  readonly deliver: (bytes: Uint8Array, length: number) => void;
  /** Runs `onLink`; not called for the state that the NIC finds at first. */
  readonly linkChanged: (state: LinkState) => void;
  /** True while the software runs, or cannot be called: frames then wait in the ring until `drain`. */
  readonly busy: () => boolean;
  /** Frames that can wait. */
  readonly ringSize?: number;
}

/** Some 70 full frames are 6 ms of a 100 Mb/s line: longer than an entry point may run. */
const DEFAULT_RING_SIZE = 64;

/** `Nic.transmit`: 14 octets of header up to a maximum-size frame with a tag, without FCS. */
const MINIMUM_OCTETS = 14;
const MAXIMUM_OCTETS = 1_518;

const LINK_DOWN: LinkState = { up: false, speed: 0, fullDuplex: false };

/** Holds the one frame that the process is filling; wires copy before they return. */
const scratch = new Uint8Array(MAXIMUM_OCTETS);
/** Views of its first n octets, made when first needed. */
const scratchViews: (Uint8Array | undefined)[] = [];
let scratchHolder: WireNic | null = null;

/** A NIC on any wire: receive filter, bounded ring, counters. */
export class WireNic implements Nic {
  readonly mac: Mac;
  readonly #options: WireNicOptions;
  readonly #ringSize: number;
  #filter: ReceiveFilter = CLOSED_FILTER;
  readonly #ring = new FrameQueue();
  #link: LinkState;
  /** What the software was last told about the link. */
  #toldUp: boolean;
  /** The link went down while the software could not be told. */
  #wentDown: LinkState | null = null;
  #powered = true;
  #draining = false;
  #transmittedFrames = 0;
  #transmittedOctets = 0;
  #receivedFrames = 0;
  #receivedOctets = 0;
  #filteredFrames = 0;
  #ringDrops = 0;

  constructor(options: WireNicOptions) {
    this.mac = options.mac;
    this.#options = options;
    this.#ringSize = options.ringSize ?? DEFAULT_RING_SIZE;
    this.#link = options.wire.link();
    this.#toldUp = this.#link.up;
    options.wire.attach({
      frame: (bytes, length) => this.#receive(bytes, length),
      link: (state) => this.#changeLink(state),
    });
  }

  link(): LinkState {
    return this.#link;
  }

  setFilter(filter: ReceiveFilter): void {
    // A copy: the software goes on with its own arrays. `slice`, as a spread goes through the iterator of the other realm.
    this.#filter = {
      groups: filter.groups.slice(),
      vlan: filter.vlan,
      addresses: filter.addresses.slice(),
      ...(filter.gratuitous === undefined ? {} : { gratuitous: [...filter.gratuitous] }),
      broadcastPorts: filter.broadcastPorts.slice(),
    };
    this.#options.wire.filter?.(this.#filter);
  }

  counters(): NicCounters {
    return {
      transmittedFrames: this.#transmittedFrames,
      transmittedOctets: this.#transmittedOctets,
      receivedFrames: this.#receivedFrames,
      receivedOctets: this.#receivedOctets,
      filteredFrames: this.#filteredFrames,
      ringDrops: this.#ringDrops,
    };
  }

  transmit(length: number, fill: (frame: Uint8Array) => void): boolean {
    if (!(length >= MINIMUM_OCTETS && length <= MAXIMUM_OCTETS)) {
      throw new RangeError(`a frame has ${MINIMUM_OCTETS} to ${MAXIMUM_OCTETS} octets, not ${length}`);
    }
    if (!this.#powered || !this.#link.up) return false;
    this.#transmittedFrames++;
    this.#transmittedOctets += length;
    if (scratchHolder !== null) {
      // A wire that delivers at once, and a receiver that answers at once.
      const frame = new Uint8Array(length);
      fill(frame);
      this.#options.wire.transmit(frame, length);
      return true;
    }
    scratchHolder = this;
    try {
      scratchViews[length] ??= scratch.subarray(0, length);
      const frame = scratchViews[length];
      frame.fill(0);
      fill(frame);
      this.#options.wire.transmit(frame, length);
    } finally {
      scratchHolder = null;
    }
    return true;
  }

  /** Delivers what waited. The board calls it when an entry point has returned, and when the software runs again. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      this.#tellLink();
      while (this.#ring.first !== null && !this.#options.busy()) {
        const frame = this.#ring.take()!;
        this.#deliver(frame.bytes, frame.length);
        giveBack(frame);
        this.#tellLink();
      }
    } finally {
      this.#draining = false;
    }
  }

  /** As after a reset of the board: closed filter, empty ring. The link stays, and counts as told: the software that starts reads it. */
  reset(): void {
    this.#filter = CLOSED_FILTER;
    this.#options.wire.filter?.(CLOSED_FILTER);
    this.#ring.clear();
    // What the watchdog stopped in the middle does not come back.
    this.#draining = false;
    if (scratchHolder === this) scratchHolder = null;
    this.#wentDown = null;
    this.#toldUp = this.#link.up;
  }

  /** Without power there is no link, and nothing goes in or out. A NIC is made with power. */
  setPower(on: boolean): void {
    if (on === this.#powered) return;
    if (!on) this.#powered = false;
    this.#options.wire.phy?.(on);
    this.#powered = on;
    this.#link = on ? this.#options.wire.link() : LINK_DOWN;
    this.reset();
  }

  #receive(bytes: Uint8Array, length: number): void {
    if (!this.#powered) return;
    if (!passes(this.#filter, this.mac, bytes, length)) {
      this.#filteredFrames++;
    } else if (this.#ring.count === 0 && !this.#draining && !this.#options.busy()) {
      this.#deliver(bytes, length);
    } else if (this.#ring.count < this.#ringSize) {
      this.#ring.add(storeFrame(bytes, length, 0));
    } else {
      this.#ringDrops++;
    }
  }

  #deliver(bytes: Uint8Array, length: number): void {
    this.#receivedFrames++;
    this.#receivedOctets += length;
    this.#options.deliver(bytes, length);
  }

  #changeLink(state: LinkState): void {
    if (!this.#powered) return;
    this.#link = state;
    if (!state.up) {
      // What waited in the ring goes with the link: a change is then always told before the frames that came after it.
      this.#ringDrops += this.#ring.clear();
      this.#wentDown = state;
    }
    if (!this.#draining) this.#tellLink();
  }

  /** A link that went and came back while the software could not be told is told as both. */
  #tellLink(): void {
    if (this.#wentDown !== null && !this.#options.busy()) {
      const state = this.#wentDown;
      this.#wentDown = null;
      if (this.#toldUp) {
        this.#toldUp = false;
        this.#options.linkChanged(state);
      }
    }
    if (this.#wentDown === null && this.#link.up && !this.#toldUp && !this.#options.busy()) {
      this.#toldUp = true;
      this.#options.linkChanged(this.#link);
    }
  }
}
