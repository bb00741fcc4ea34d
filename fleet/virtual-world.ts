import type { Cpu } from '../device/cpu.ts';
import { deviceName } from '../device/identity.ts';
import type { Phone } from '../device/phone.ts';
import type { Flash } from '../hal/flash.ts';
import { driveVirtual, followRealTime } from '../hal/host/drive.ts';
import { VirtualFlash } from '../hal/virtual/flash.ts';
import { phoneSeed, SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { createLab, type DeviceRange, type Lab, type LabOptions, type NewDevice } from '../lab/public.ts';
import { PhoneMaker, type PhoneMakerOptions, type PhonePlan } from './phone-maker.ts';
import type { GoOptions, GoOutcome, World } from './world.ts';

export type { PhonePlan } from './phone-maker.ts';

export interface VirtualWorldOptions extends Omit<PhoneMakerOptions, 'timeline' | 'rng'> {
  readonly seed: string | number;
  readonly phones: readonly PhonePlan[];
  /** Directory number of the first phone; the others follow. */
  readonly firstNumber?: number;
  /** Without `devices` every phone of the plan stands in the lab's device table. */
  readonly lab?: Omit<LabOptions, 'timeline' | 'seed'>;
  /** Put between a phone and its cable: a tap, an impairment. */
  readonly wire?: (wire: WireEnd, phone: PhonePlan, timeline: VirtualTimeline) => WireEnd;
}

/** First directory number of the phones of a plan. */
export const FIRST_NUMBER = 2001;

/** A slice ends itself after a few milliseconds; only software that loops, or a host that stands still, takes this long. */
const WATCHDOG_MILLISECONDS = 5_000;

/** Each guarded slice starts a thread of the watchdog, which on a busy machine takes milliseconds. Ctrl-C is still heard at once. */
const WARP_SLICE_MILLISECONDS = 25;

/** A whole world on one virtual timeline: the lab and its phones, without privileges and without a network. */
export class VirtualWorld implements World {
  readonly timeline = new VirtualTimeline();
  readonly cpu: Cpu;
  readonly lab: Lab;
  readonly phones: readonly Phone[];
  readonly identityKeys: number;
  readonly #flash: Flash[] = [];
  readonly #options: VirtualWorldOptions;

  /** Throws PlanError. */
  constructor(options: VirtualWorldOptions) {
    this.#options = options;
    const { seed, phones, firstNumber = FIRST_NUMBER } = options;
    const devices = options.lab?.devices ?? knownDevices(phones, firstNumber);
    this.lab = createLab({ ...options.lab, devices, timeline: this.timeline, seed });
    const { cluster } = this.lab;
    const maker = new PhoneMaker({
      ...(cluster === null ? {} : { identity: (holder) => cluster.identity(holder) }),
      ...options,
      timeline: this.timeline,
      rng: (mac) => new SeededRng(phoneSeed(seed, mac)),
    });
    this.cpu = maker.cpu;
    this.phones = phones.map((plan, index) => {
      const cable = this.lab.port(index);
      const { phone, flash } = maker.make(plan, options.wire?.(cable, plan, this.timeline) ?? cable);
      this.#flash[index] = flash;
      return phone;
    });
    this.identityKeys = maker.identityKeys;
  }

  /** The flash part of a phone: what stands in it before power-on is the factory's. */
  flash(index: number): VirtualFlash {
    const flash = this.#flash[index];
    if (!(flash instanceof VirtualFlash)) throw new Error(`phone ${index} has no flash in memory`);
    return flash;
  }

  /** Nobody else is on this wire. */
  listen(): Promise<void> {
    return Promise.resolve();
  }

  /** Connects the board's supply: the switch port, which powers it as its budget allows, or the wall adapter. */
  powerOn(index: number): void {
    const phone = this.phones[index]!;
    if (this.#options.powerSource === 'external') {
      phone.powerOn();
      return;
    }
    this.lab.connectDevice(index, {
      class: phone.board.model.power.class,
      supply: (milliwatts) => {
        if (milliwatts === 0) phone.powerOff();
        else if (phone.state === 'off') phone.powerOn();
        else phone.allocate(milliwatts);
      },
    });
  }

  go({ until, signal, skipIdle }: GoOptions): Promise<GoOutcome> {
    const guard = (slice: () => void): boolean => this.cpu.runGuarded(slice, WATCHDOG_MILLISECONDS);
    const options = { until, signal, guard };
    return skipIdle
      ? driveVirtual(this.timeline, { ...options, sliceMilliseconds: WARP_SLICE_MILLISECONDS })
      : followRealTime(this.timeline, options);
  }

  ringDrops(): number {
    return this.phones.reduce((sum, { nic }) => sum + nic.counters().ringDrops, 0);
  }

  /** Nothing happens in this world unless somebody drives it. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The phones of a plan as the lab's call managers know them; one row for all where they are alike. */
function knownDevices(phones: readonly PhonePlan[], firstNumber: number): readonly (NewDevice | DeviceRange)[] {
  const [first] = phones;
  if (first === undefined) return [];
  const { model, mac, protocol, load } = first;
  const areAlike = phones.every(
    (phone, index) =>
      phone.model === model && phone.protocol === protocol && phone.load === load && phone.mac === mac + index,
  );
  if (!areAlike) return phones.map((phone, index) => knownDevice(phone, firstNumber + index));
  const { name, deviceType } = model;
  return [
    {
      model: name,
      deviceType,
      protocol,
      ...(load === undefined ? {} : { load }),
      firstMac: mac,
      count: phones.length,
      firstNumber,
      lineCount: 1,
    },
  ];
}

function knownDevice(phone: PhonePlan, number: number): NewDevice {
  const directoryNumber = String(number);
  return {
    name: deviceName(phone.mac),
    model: phone.model.name,
    deviceType: phone.model.deviceType,
    protocol: phone.protocol,
    ...(phone.load === undefined ? {} : { load: phone.load }),
    lines: [{ directoryNumber, label: directoryNumber, displayName: `Phone ${directoryNumber}` }],
  };
}
