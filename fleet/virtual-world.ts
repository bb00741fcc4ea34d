import { Cpu } from '../device/cpu.ts';
import { deviceName } from '../device/identity.ts';
import { Phone, type PhoneSinks } from '../device/phone.ts';
import type { ModelRow } from '../hal/board.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import type { Mac } from '../hal/nic.ts';
import type { BootKey } from '../hal/secure.ts';
import type { TunableValues } from '../hal/tunables.ts';
import { VirtualWallClock } from '../hal/virtual/clock.ts';
import type { VirtualFlash } from '../hal/virtual/flash.ts';
import { phoneSeed, SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { developmentKey } from '../images/public.ts';
import { createLab, type Lab, type LabOptions } from '../lab/public.ts';
import { FlashStock, type ImageReader, readBuiltImage } from './flash-stock.ts';

/** One phone of a plan. */
export interface PhonePlan {
  readonly model: ModelRow;
  readonly mac: Mac;
  readonly protocol: 'sccp' | 'sip';
}

export interface VirtualWorldOptions {
  readonly seed: string | number;
  readonly phones: readonly PhonePlan[];
  readonly tunables: TunableValues;
  readonly realistic: boolean;
  readonly powerSource: 'poe' | 'external';
  readonly sinks: PhoneSinks;
  /** Without it every phone of the plan stands in the lab's device table. */
  readonly lab?: Omit<LabOptions, 'timeline' | 'seed'>;
  readonly images?: ImageReader;
  /** Calendar time of the world's beginning, milliseconds since 1970. */
  readonly epoch: number;
  /** Every phone gets a payload context of its own; otherwise all phones of a load share one. */
  readonly contextPerPhone?: boolean;
  /** Put between a phone and its cable: a tap, an impairment. */
  readonly wire?: (wire: WireEnd, phone: PhonePlan, timeline: VirtualTimeline) => WireEnd;
}

/** First directory number of the phones of a plan. */
const FIRST_NUMBER = 2001;

/** A whole world on one virtual timeline: the lab and its phones, without privileges and without a network. */
export class VirtualWorld {
  readonly timeline = new VirtualTimeline();
  readonly cpu = new Cpu();
  readonly lab: Lab;
  readonly phones: readonly Phone[];
  readonly #flash: VirtualFlash[] = [];
  readonly #options: VirtualWorldOptions;
  readonly #bootKeys: readonly BootKey[];
  readonly #stock: FlashStock;

  constructor(options: VirtualWorldOptions) {
    this.#options = options;
    this.#bootKeys = [developmentKey().bootKey];
    this.#stock = new FlashStock(options.images ?? readBuiltImage, this.#bootKeys);
    const devices = options.lab?.devices ?? options.phones.map((phone, index) => knownDevice(phone, index));
    this.lab = createLab({ ...options.lab, devices, timeline: this.timeline, seed: options.seed });
    this.phones = options.phones.map((plan, index) => this.#phone(plan, index));
  }

  /** The flash part of a phone: what stands in it before power-on is the factory's. */
  flash(index: number): VirtualFlash {
    return this.#flash[index]!;
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

  #phone(plan: PhonePlan, index: number): Phone {
    const { seed, tunables, realistic, powerSource, sinks, epoch } = this.#options;
    const { model, mac, protocol } = plan;
    const load = model.loads[protocol];
    if (load === undefined) throw new RangeError(`the ${model.name} has no ${protocol} load`);
    const wire = this.lab.port(index);
    const flash = this.#stock.take(model, mac, load);
    this.#flash[index] = flash;
    return new Phone({
      model,
      mac,
      flash,
      wire: this.#options.wire?.(wire, plan, this.timeline) ?? wire,
      powerSource,
      rng: new SeededRng(phoneSeed(seed, mac)),
      wallClock: new VirtualWallClock(this.timeline, epoch),
      secure: (complete) => new HostSecureElement({ timeline: this.timeline, bootKeys: this.#bootKeys, complete }),
      timeline: this.timeline,
      cpu: this.#options.contextPerPhone === true ? new Cpu() : this.cpu,
      tunables,
      realistic,
      sinks,
    });
  }
}

function knownDevice(phone: PhonePlan, index: number) {
  const directoryNumber = String(FIRST_NUMBER + index);
  return {
    name: deviceName(phone.mac),
    model: phone.model.name,
    deviceType: phone.model.deviceType,
    protocol: phone.protocol,
    lines: [{ directoryNumber, label: directoryNumber, displayName: `Phone ${directoryNumber}` }],
  };
}
