import type { KeyObject } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Cpu } from '../device/cpu.ts';
import { deviceName, serialNumber } from '../device/identity.ts';
import { Phone, type PhoneSinks } from '../device/phone.ts';
import type { ModelRow } from '../hal/board.ts';
import type { Flash } from '../hal/flash.ts';
import type { ElementContents } from '../hal/host/element-file.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import type { Mac } from '../hal/nic.ts';
import type { PowerSource } from '../hal/power.ts';
import type { Rng } from '../hal/rng.ts';
import type { BootKey } from '../hal/secure.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { TunableValues } from '../hal/tunables.ts';
import { VirtualWallClock } from '../hal/virtual/clock.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { developmentKey } from '../images/public.ts';
import type { Identity, IdentityHolder } from '../lab/public.ts';
import { readBootKeys } from '../storage/board-record.ts';
import { FLASH_MAP } from '../storage/flash-map.ts';
import { RecordStore } from '../storage/record-store.ts';
import { Settings } from '../storage/settings.ts';
import { FlashStock, type ImageReader, readBuiltImage, readBuiltSourceMap } from './flash-stock.ts';

/** One phone of a plan. */
export interface PhonePlan {
  readonly model: ModelRow;
  readonly mac: Mac;
  readonly protocol: 'sccp' | 'sip';
  /** Without it the one that follows from the MAC. */
  readonly serial?: string;
  /** Its flash part; without it a new one, in memory, with the model's load and the development key. */
  readonly flash?: Flash;
  /** What is burnt into its secure element; without it a new secret, and what the world's factory puts into the MIC slot. */
  readonly element?: ElementContents;
  /** Stands in the new flash instead of the model's load. */
  readonly image?: Uint8Array;
  /** Load that the lab's call manager orders; the phone keeps its own without it. */
  readonly load?: string;
  /** Settings that are written into the flash before power-on, by name. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What all phones of a world have in common. */
export interface PhoneMakerOptions {
  readonly timeline: Timeline;
  readonly tunables: TunableValues;
  readonly realistic: boolean;
  readonly powerSource: PowerSource;
  readonly sinks: PhoneSinks;
  /** Calendar time of the world's beginning, milliseconds since 1970. */
  readonly epoch: number;
  /** What is spoken into each of them: mu-law octets at 8 kHz. */
  readonly microphone?: Uint8Array;
  readonly images?: ImageReader;
  /** Every phone gets a payload context of its own; otherwise all phones of a load share one. */
  readonly contextPerPhone?: boolean;
  /** What the factory has put into the MIC slot of a phone; nothing unless given. */
  readonly identity?: (holder: IdentityHolder) => Identity;
  /** Hears the secrets of every TLS session, as lines of an NSS key log. */
  readonly keyLog?: (line: Uint8Array) => void;
  /** Bootloaders run what no key vouches for, and say so at every boot. */
  readonly allowUnsigned?: boolean;
  /** The chance of one phone. */
  readonly rng: (mac: Mac) => Rng;
}

/** A setting or an image that this phone cannot take. The message is one sentence. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** Puts phones together: flash, secure element, board. */
export class PhoneMaker {
  readonly cpu = new Cpu(readBuiltSourceMap);
  readonly #options: PhoneMakerOptions;
  readonly #stock: FlashStock;
  readonly #keys = new Set<KeyObject>();
  /** Of the last phone. */
  #bootKeys: readonly BootKey[] = [];

  constructor(options: PhoneMakerOptions) {
    this.#options = options;
    this.#stock = new FlashStock(
      options.images ?? readBuiltImage,
      [developmentKey().bootKey],
      options.allowUnsigned === true,
    );
  }

  /** Different keys that phones have been made with. */
  get identityKeys(): number {
    return this.#keys.size;
  }

  /** Throws PlanError. */
  make(plan: PhonePlan, wire: WireEnd): { phone: Phone; flash: Flash } {
    const { timeline, tunables, realistic, powerSource, sinks, epoch, rng, microphone } = this.#options;
    const { allowUnsigned = false } = this.#options;
    const { model, mac } = plan;
    const flash = plan.flash ?? this.#newFlash(plan);
    writeSettings(flash, plan.settings ?? {});
    const secure = this.#secureElement(plan, this.#bootKeysOf(flash));
    const phone = new Phone({
      model,
      mac,
      ...(plan.serial === undefined ? {} : { serial: plan.serial }),
      flash,
      wire,
      powerSource,
      rng: rng(mac),
      wallClock: new VirtualWallClock(timeline, epoch),
      secure,
      timeline,
      cpu: this.#options.contextPerPhone === true ? new Cpu(readBuiltSourceMap) : this.cpu,
      tunables,
      realistic,
      ...(microphone === undefined ? {} : { microphone }),
      boot: { allowUnsigned },
      sinks,
    });
    return { phone, flash };
  }

  #secureElement(
    { model, mac, serial, element: contents }: PhonePlan,
    bootKeys: readonly BootKey[],
  ): ConstructorParameters<typeof Phone>[0]['secure'] {
    const { timeline, identity, keyLog } = this.#options;
    const holder = {
      productId: model.productId,
      deviceName: deviceName(mac),
      serial: serial ?? serialNumber(mac),
    };
    const mic = contents?.mic ?? identity?.(holder);
    if (mic !== undefined) this.#keys.add(mic.privateKey);
    return (complete) => {
      const element = new HostSecureElement({
        timeline,
        bootKeys,
        complete,
        ...(contents === undefined ? {} : { secret: contents.secret }),
        ...(keyLog === undefined ? {} : { keyLog }),
      });
      if (mic !== undefined) element.installKey('mic', mic.privateKey, mic.certificate);
      return element;
    };
  }

  /** Boards with the same fuses share what was read from them. */
  #bootKeysOf(flash: Flash): readonly BootKey[] {
    const keys = readBootKeys(flash);
    if (!isDeepStrictEqual(keys, this.#bootKeys)) this.#bootKeys = keys;
    return this.#bootKeys;
  }

  #newFlash({ model, mac, protocol, image }: PhonePlan): Flash {
    if (image !== undefined) return this.#stock.single(model, mac, image);
    const load = model.loads[protocol];
    if (load === undefined) throw new PlanError(`The ${model.name} has no ${protocol.toUpperCase()} load.`);
    return this.#stock.take(model, mac, load);
  }
}

function writeSettings(flash: Flash, wanted: Readonly<Record<string, string>>): void {
  const entries = Object.entries(wanted);
  if (entries.length === 0) return;
  const settings = new Settings(RecordStore.open(flash, FLASH_MAP.settings));
  for (const [name, text] of entries) {
    const problem = settings.set(name as Parameters<Settings['set']>[0], text);
    if (problem !== null) throw new PlanError(problem);
  }
}
