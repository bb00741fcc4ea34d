import { setTimeout as sleep } from 'node:timers/promises';
import { deviceName } from '../device/identity.ts';
import type { Phone } from '../device/phone.ts';
import { AfPacketWire } from '../hal/host/af-packet.ts';
import { HostRng } from '../hal/host/entropy.ts';
import { MachineLack } from '../hal/host/machine-lack.ts';
import { type DemuxEnd, WireDemux } from '../hal/host/nic-demux.ts';
import { HostTimeline } from '../hal/host/timeline.ts';
import { UdpWire } from '../hal/host/udp-wire.ts';
import type { Mac } from '../hal/nic.ts';
import { MILLISECOND } from '../hal/timer.ts';
import { phoneSeed, SeededRng } from '../hal/virtual/rng.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { type NicName, reachesOthers } from './nic-name.ts';
import { PhoneMaker, type PhoneMakerOptions, type PhonePlan } from './phone-maker.ts';
import type { GoOptions, GoOutcome, World } from './world.ts';

export interface RealWorldOptions extends Omit<PhoneMakerOptions, 'timeline' | 'rng'> {
  readonly nic: Exclude<NicName, { kind: 'virtual' }>;
  /** Null: chance is the machine's. */
  readonly seed: number | null;
  readonly phones: readonly PhonePlan[];
  /** Put between a phone and the wire. */
  readonly wire?: (wire: WireEnd, phone: PhonePlan, world: HostTimeline) => WireEnd;
  /** Somebody outside speaks with the address of this phone, which has been switched off. */
  readonly conflict: (phone: string) => void;
}

/** A wire outside this program. */
export interface OutsideWire extends WireEnd {
  close(): Promise<void>;
  /** Addresses whose frames are wanted, where the wire can tell. */
  setMacs?(macs: Iterable<Mac>): void;
  /** Frames that were lost because this program was too slow. */
  lostFrames(): number;
}

/** A phone whose own address is in use hears its owner within this: ARP, CDP, LLDP or DHCP of somebody who has just come. */
const LISTEN_MILLISECONDS = 2_000;

/** Between two looks at whether the run is over. */
const LOOK_MILLISECONDS = 20;

/** A slice ends itself after a few milliseconds; only software that loops, or a host that stands still, takes this long. */
const WATCHDOG_MILLISECONDS = 5_000;

/** Up to so many phones get their answers by looking again at once; more always have something to send, and looking only costs. */
const MOST_POLLED = 16;

/** Opens what a `--nic` names. Throws MachineLack. */
export async function openWire(nic: RealWorldOptions['nic'], phones: number): Promise<OutsideWire> {
  if (nic.kind === 'udp') {
    const wire = await UdpWire.open(nic.options).catch((error: NodeJS.ErrnoException) => {
      const { host, port } = nic.options.local;
      throw new MachineLack(`the address ${host}:${port} cannot be had (${error.code ?? error.message})`);
    });
    return Object.assign(wire, { lostFrames: () => 0 });
  }
  const wire = AfPacketWire.open({
    interface: nic.interface,
    ...(phones > MOST_POLLED ? { pollMicroseconds: 0 } : {}),
  });
  return Object.assign(wire, { lostFrames: () => wire.counters().droppedFrames });
}

/** Phones on a wire of this machine, in real time. */
export class RealWorld implements World {
  readonly timeline: HostTimeline;
  readonly phones: readonly Phone[];
  readonly identityKeys: number;
  readonly #wire: OutsideWire;
  readonly #reachesOthers: boolean;
  readonly #ends: readonly DemuxEnd[];
  readonly #conflicts = new Set<string>();
  #closed: Promise<void> | null = null;

  /** Opens the wire and plugs the phones in, without power: they hear, and say nothing. Throws MachineLack or PlanError. */
  static async open(options: RealWorldOptions): Promise<RealWorld> {
    const wire = await openWire(options.nic, options.phones.length);
    try {
      return new RealWorld(options, wire);
    } catch (error) {
      await wire.close();
      throw error;
    }
  }

  private constructor(options: RealWorldOptions, wire: OutsideWire) {
    this.#wire = wire;
    this.#reachesOthers = reachesOthers(options.nic);
    const timeline = new HostTimeline({
      guard: (slice) => {
        maker.cpu.runGuarded(slice, WATCHDOG_MILLISECONDS);
      },
    });
    this.timeline = timeline;
    const { seed } = options;
    const maker = new PhoneMaker({
      ...options,
      timeline,
      rng: (mac) => (seed === null ? new HostRng() : new SeededRng(phoneSeed(seed, mac))),
    });
    const demux = new WireDemux({
      wire,
      macsChanged: (macs) => wire.setMacs?.(macs),
      conflict: (mac) => this.#conflict(mac, options.conflict),
    });
    this.#ends = options.phones.map(({ mac }) => demux.plug(mac));
    this.phones = options.phones.map((plan, index) => {
      const end = this.#ends[index]!;
      return maker.make(plan, options.wire?.(end, plan, timeline) ?? end).phone;
    });
    this.identityKeys = maker.identityKeys;
  }

  async listen(signal: AbortSignal): Promise<void> {
    if (this.#reachesOthers) await pause(LISTEN_MILLISECONDS, signal);
  }

  get carrier(): boolean {
    return this.#wire.link().up;
  }

  /** How late an alarm was at most, milliseconds. */
  longestLag(): number {
    return this.timeline.lag().max / MILLISECOND;
  }

  powerOn(index: number): void {
    const phone = this.phones[index]!;
    if (!this.#conflicts.has(phone.board.deviceName)) phone.powerOn();
  }

  async go({ until, signal }: GoOptions): Promise<GoOutcome> {
    while (!until()) {
      if (signal.aborted) return 'aborted';
      await pause(LOOK_MILLISECONDS, signal);
    }
    return 'reached';
  }

  ringDrops(): number {
    return this.phones.reduce((sum, { nic }) => sum + nic.counters().ringDrops, this.#wire.lostFrames());
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #close(): Promise<void> {
    this.timeline.close();
    for (const end of this.#ends) end.close();
    return this.#wire.close();
  }

  #conflict(mac: Mac, told: (phone: string) => void): void {
    const name = deviceName(mac);
    if (this.#conflicts.has(name)) return;
    this.#conflicts.add(name);
    this.phones.find(({ board }) => board.mac === mac)?.powerOff();
    told(name);
  }
}

/** Ends early when the signal is raised. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
