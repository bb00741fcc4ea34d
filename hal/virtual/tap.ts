import type { LinkState, ReceiveFilter } from '../nic.ts';
import type { Timeline } from '../timeline.ts';
import type { Instant } from '../timer.ts';
import type { WireEnd, WireReceiver } from '../wire-end.ts';

export type TapDirection = 'in' | 'out';

export interface TappedFrame {
  readonly at: Instant;
  /** `out` was sent through the tapped end, `in` received by it. */
  readonly direction: TapDirection;
  /** The frame without FCS, exactly as long as it is; valid until the sink returns. */
  readonly bytes: Uint8Array;
}

/** A wire end that shows every frame to `sink` before it goes on. What is sent while the link is down is not on the wire, and not shown. */
export function tap(wire: WireEnd, timeline: Timeline, sink: (frame: TappedFrame) => void): WireEnd {
  return new TappedWire(wire, timeline, sink);
}

class TappedWire implements WireEnd {
  readonly #wire: WireEnd;
  readonly #timeline: Timeline;
  readonly #sink: (frame: TappedFrame) => void;

  constructor(wire: WireEnd, timeline: Timeline, sink: (frame: TappedFrame) => void) {
    this.#wire = wire;
    this.#timeline = timeline;
    this.#sink = sink;
  }

  link(): LinkState {
    return this.#wire.link();
  }

  phy(on: boolean): void {
    this.#wire.phy?.(on);
  }

  filter(filter: ReceiveFilter): void {
    this.#wire.filter?.(filter);
  }

  transmit(bytes: Uint8Array, length: number): void {
    if (this.#wire.link().up) this.#show('out', bytes, length);
    this.#wire.transmit(bytes, length);
  }

  attach(receiver: WireReceiver): void {
    this.#wire.attach({
      frame: (bytes, length) => {
        this.#show('in', bytes, length);
        receiver.frame(bytes, length);
      },
      link: (state) => receiver.link(state),
    });
  }

  #show(direction: TapDirection, bytes: Uint8Array, length: number): void {
    this.#sink({ at: this.#timeline.now(), direction, bytes: bytes.subarray(0, length) });
  }
}
