import { mac as macAt } from '../firmware/wire/octets.ts';
import type { LinkState, Mac } from '../hal/nic.ts';
import type { WireEnd, WireReceiver } from '../hal/wire-end.ts';

/** "Under 60 frames": a preflight that anybody may run at any time must not be a load. */
const MOST_FRAMES = 59;
/** Kept for the last word, LLDP's good-bye. */
const RESERVE = 1;

const ETHERNET_HEADER = 14;

/** Between a station and a wire: counts what leaves and lets no more through than a preflight may send. */
export class CountedWire implements WireEnd {
  readonly #wire: WireEnd;
  readonly #mac: Mac;
  readonly #heardOwn: () => void;
  #isOpen = false;
  sent = 0;
  /** Frames that did not leave since there had been enough. */
  withheld = 0;

  /** @param heardOwn somebody else on the wire has this MAC address. */
  constructor(wire: WireEnd, mac: Mac, heardOwn: () => void) {
    this.#wire = wire;
    this.#mac = mac;
    this.#heardOwn = heardOwn;
  }

  /** Frames that may still be sent, without those that the end needs. */
  get left(): number {
    return Math.max(0, MOST_FRAMES - RESERVE - this.sent);
  }

  /** Before this, and after `shut`, nothing leaves. */
  open(): void {
    this.#isOpen = true;
  }

  shut(): void {
    this.#isOpen = false;
  }

  transmit(bytes: Uint8Array, length: number): void {
    if (!this.#isOpen) return;
    if (this.sent >= MOST_FRAMES) {
      this.withheld += 1;
      return;
    }
    this.sent += 1;
    this.#wire.transmit(bytes, length);
  }

  attach(receiver: WireReceiver): void {
    this.#wire.attach({
      frame: (bytes, length) => {
        if (length >= ETHERNET_HEADER && macAt(bytes, 6) === this.#mac) this.#heardOwn();
        else receiver.frame(bytes, length);
      },
      link: (state) => receiver.link(state),
    });
  }

  link(): LinkState {
    return this.#wire.link();
  }
}
