import { appendFileSync, writeFileSync } from 'node:fs';
import { Cpu } from '../../../device/cpu.ts';
import { autoMac } from '../../../device/identity.ts';
import { modelNamed } from '../../../device/models.ts';
import { Phone } from '../../../device/phone.ts';
import { FlashStock } from '../../../fleet/flash-stock.ts';
import { AfPacketWire } from '../../../hal/host/af-packet.ts';
import { HostRng } from '../../../hal/host/entropy.ts';
import { HostSecureElement } from '../../../hal/host/secure-element.ts';
import { HostTimeline } from '../../../hal/host/timeline.ts';
import type { Mac } from '../../../hal/nic.ts';
import { MILLISECOND, SECOND } from '../../../hal/timer.ts';
import type { StageName, TraceEvents } from '../../../hal/trace.ts';
import { type TunableValues, tunableValues } from '../../../hal/tunables.ts';
import { VirtualWallClock } from '../../../hal/virtual/clock.ts';
import type { VirtualFlash } from '../../../hal/virtual/flash.ts';
import { enhancedPacket, interfaceDescription, sectionHeader } from '../../../hal/virtual/pcapng.ts';
import { tap } from '../../../hal/virtual/tap.ts';
import type { WireEnd } from '../../../hal/wire-end.ts';
import { developmentKey } from '../../../images/public.ts';
import type { Identity } from '../../../lab/pki/lab-pki.ts';
import { FLASH_MAP } from '../../../storage/flash-map.ts';
import { RecordStore } from '../../../storage/record-store.ts';
import { Settings } from '../../../storage/settings.ts';
import { builtImages } from '../../support/built-images.ts';
import { eventually } from './eventually.ts';

export interface PhoneEvent {
  /** Seconds since the phone was made. */
  readonly at: number;
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface WirePhoneOptions {
  readonly interface: string;
  readonly model?: string;
  readonly mac?: Mac;
  readonly tunables?: Partial<TunableValues>;
  /** Settings that stand in the flash before it starts. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Writes what the phone remembers of earlier days. */
  readonly remember?: (memory: RecordStore, wallClock: number) => void;
  /** What the factory has put into the phone. */
  readonly mic?: Identity;
  /** Writes what passes between the phone and the interface. */
  readonly capture?: string;
}

/** The waits of a real phone, cut to what a test can wait for. Nothing is cut that a peer on the same machine could need. */
const SHORT_WAITS: Partial<TunableValues> = { 'vlan.totalWait': 4, 'cdp.bootQueries': 2, 'lldp.bootWait': 4 };

/** Of each kind, in an error message. */
const STORY_LINES = 25;

const SHUTDOWN_LIMIT = 2 * SECOND;

/** A telephone on a network interface, in real time, every event kept. */
export class WirePhone {
  readonly phone: Phone;
  readonly events: PhoneEvent[] = [];
  /** Its lines for engineers. */
  readonly remarks: string[] = [];
  readonly wire: AfPacketWire;
  readonly flash: VirtualFlash;
  readonly #timeline = new HostTimeline();

  constructor(options: WirePhoneOptions) {
    const model = modelNamed(options.model ?? '7975')!;
    const mac = options.mac ?? autoMac(0, 0, 0);
    const bootKeys = [developmentKey().bootKey];
    this.flash = new FlashStock(builtImages(), bootKeys).take(model, mac, model.loads.sccp ?? model.loads.sip!);
    const settings = new Settings(RecordStore.open(this.flash, FLASH_MAP.settings));
    for (const [name, text] of Object.entries(options.settings ?? {})) {
      const problem = settings.set(name, text);
      if (problem !== null) throw new Error(problem);
    }
    options.remember?.(RecordStore.open(this.flash, FLASH_MAP.settings), Date.now());
    this.wire = AfPacketWire.open({ interface: options.interface, macs: [mac] });
    const timeline = this.#timeline;
    this.phone = new Phone({
      model,
      mac,
      flash: this.flash,
      wire: options.capture === undefined ? this.wire : this.#captured(options.capture),
      powerSource: 'poe',
      rng: new HostRng(),
      wallClock: new VirtualWallClock(timeline, Date.now()),
      secure: (complete) => {
        const element = new HostSecureElement({ timeline, bootKeys, complete });
        if (options.mic !== undefined) element.installKey('mic', options.mic.privateKey, options.mic.certificate);
        return element;
      },
      timeline,
      cpu: new Cpu(),
      tunables: tunableValues({ ...SHORT_WAITS, ...options.tunables }),
      realistic: false,
      sinks: {
        trace: (_phone, at, type, fields) => this.events.push({ at: at / SECOND, type, fields: { ...fields } }),
        debug: (_phone, _at, line) => this.remarks.push(line),
      },
    });
  }

  /** Fields of the next event of this type, after the first `skip` of them, within so many seconds. */
  async next<T extends keyof TraceEvents>(type: T, seconds = 20, skip = 0): Promise<TraceEvents[T]> {
    return await this.until(type, seconds, () => this.all(type)[skip] ?? null);
  }

  /** As `eventually`, and over at once when the software breaks down. */
  async until<T>(what: string, seconds: number, ask: () => T | null): Promise<T> {
    const askWhole = () => {
      const [fault] = this.all('fault');
      if (fault !== undefined) throw new Error(`fault: ${fault.detail}`);
      return ask();
    };
    return await eventually(`${what}: ${this.phone.board.deviceName}`, seconds, askWhole, () => this.story());
  }

  all<T extends keyof TraceEvents>(type: T): TraceEvents[T][] {
    return this.events.filter((event) => event.type === type).map((event) => event.fields as TraceEvents[T]);
  }

  /** The last outcome of each stage that was left. */
  outcomes(): Partial<Record<StageName, string>> {
    const outcomes: Partial<Record<StageName, string>> = {};
    for (const { stage, outcome, reason } of this.all('stage.leave')) {
      outcomes[stage] = reason === undefined ? outcome : `${outcome} (${reason})`;
    }
    return outcomes;
  }

  /** What it did, for error messages. */
  story(): string {
    const told = this.events.filter(({ type }) => type !== 'panel');
    const lines = told.map(({ at, type, fields }) => `${at.toFixed(3)} ${type} ${JSON.stringify(fields)}`);
    return [...lines.slice(-STORY_LINES), ...this.remarks.slice(-STORY_LINES)].join('\n');
  }

  /** Leaves the network in order, and lets go of the interface. */
  async close(): Promise<void> {
    this.phone.shutdown(SHUTDOWN_LIMIT);
    await eventually('the phone is off', 5, () => (this.phone.state === 'off' ? true : null)).finally(async () => {
      this.#timeline.close();
      await this.wire.close();
    });
  }

  #captured(file: string): WireEnd {
    const epoch = Date.now() * MILLISECOND - this.#timeline.now();
    writeFileSync(file, Buffer.concat([sectionHeader('sepia test:interop'), interfaceDescription('phone')]));
    return tap(this.wire, this.#timeline, ({ at, direction, bytes }) =>
      appendFileSync(file, enhancedPacket({ interface: 0, time: epoch + at, direction, bytes })),
    );
  }
}
