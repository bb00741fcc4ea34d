import type { Ipv4 } from '../hal/nic.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { TraceEvents } from '../hal/trace.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { parseIpv4 } from '../storage/settings.ts';
import type { AddressList } from './address-list.ts';
import type { Census } from './census.ts';
import type { EventStream } from './event-stream.ts';
import { ExpectedWire } from './expected-wire.ts';
import { refuseToGoOn } from './refusals.ts';
import type { StopReason } from './run.ts';

/** What the firmware says when somebody else answers for its address. */
const DUPLICATE_ADDRESS = 'Duplicate IP';

export interface RealRulesOptions {
  readonly census: Census;
  readonly stream: EventStream;
  /** Null expects nothing in particular. */
  readonly expected: AddressList | null;
}

/** The wire as the rules see it. */
export interface WatchedWorld {
  readonly carrier: boolean;
  /** Milliseconds. */
  longestLag(): number;
}

/** Watches a fleet on a real wire: who has to stop, and where nobody may go. */
export class RealRules {
  readonly #options: RealRulesOptions;
  readonly #macConflicts: string[] = [];
  readonly #addressConflicts: string[] = [];
  #unexpected: string | null = null;
  #hadCarrier = false;
  #world: WatchedWorld | null = null;

  constructor(options: RealRulesOptions) {
    this.#options = options;
    options.stream.listen(
      (event) => {
        const phone = event.phone!;
        if (event.type === 'status' && event.message === DUPLICATE_ADDRESS) this.#addressConflicts.push(phone);
        if (event.type === 'tftp.server')
          this.#check(phone, 'TFTP server', event.servers as TraceEvents['tftp.server']['servers']);
        if (event.type === 'config.applied') {
          const { callManagers } = event as unknown as TraceEvents['config.applied'];
          this.#check(
            phone,
            'call manager',
            callManagers.map(({ host }) => host),
          );
        }
      },
      ['status', 'tftp.server', 'config.applied'],
    );
  }

  /** Between a phone and the wire: keeps it from what is not expected. */
  wire(end: WireEnd, timeline: Timeline, phone: string): WireEnd {
    const { expected, stream } = this.#options;
    if (expected === null) return end;
    return new ExpectedWire(end, expected, (what, address) => {
      stream.tell(timeline.now(), phone, 'fleet.unexpected', { what, address: text(address) });
      this.#note(phone, what === 'dhcp-server' ? 'DHCP server' : 'destination', text(address));
    });
  }

  watch(world: WatchedWorld): void {
    this.#world = world;
  }

  macConflict(phone: string): void {
    this.#options.census.refuse(phone, 'mac.in-use');
    this.#macConflicts.push(phone);
  }

  /** For `RunOptions.stopReason`. */
  stopReason(): StopReason | null {
    const { census } = this.#options;
    const up = this.#world?.carrier ?? false;
    this.#hadCarrier ||= up;
    if (this.#unexpected !== null) return { text: this.#unexpected, refused: true };
    const sentence = refuseToGoOn({
      carrierLost: this.#hadCarrier && !up,
      macConflicts: this.#macConflicts,
      addressConflicts: this.#addressConflicts,
      registrations: census.measurements.registrations,
      rejections: census.measurements.rejections,
      longestLag: this.#world?.longestLag() ?? 0,
    });
    return sentence === null ? null : { text: sentence, refused: this.#macConflicts.length > 0 };
  }

  #check(phone: string, what: string, hosts: readonly string[]): void {
    const { expected } = this.#options;
    for (const host of hosts) {
      const address = parseIpv4(host);
      // A name is looked up by the phone; where it leads, the wire sees.
      if (address !== null && expected !== null && !expected.has(address)) this.#note(phone, what, host);
    }
  }

  /** The first phone finds out whether the fleet lands where it should; later ones are kept away, each for itself. */
  #note(phone: string, what: string, address: string): void {
    const { census } = this.#options;
    if (census.begun > 1 || this.#unexpected !== null) return;
    this.#unexpected = `Stopped: the ${what} ${address} is not among those that --expect names.`;
    census.refuse(phone, 'expect.outside');
  }
}

function text(address: Ipv4): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
