import { Cpu } from '../../device/cpu.ts';
import { autoMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { Phone, type PhoneOptions } from '../../device/phone.ts';
import { HAL_ABI } from '../../hal/hal.ts';
import { HostSecureElement } from '../../hal/host/secure-element.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { type Cable, createCable } from '../../hal/virtual/cable.ts';
import { VirtualWallClock } from '../../hal/virtual/clock.ts';
import type { VirtualFlash } from '../../hal/virtual/flash.ts';
import { phoneSeed, SeededRng } from '../../hal/virtual/rng.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import { developmentKey, sealerOf } from '../../images/key.ts';
import { FLASH_MAP, type Slot } from '../../storage/flash-map.ts';
import { emit } from '../../storage/image-format.ts';
import { markConfirmed, markInstalled } from '../../storage/slot-trailer.ts';
import { blankFlash } from './flash-bench.ts';

/** An image around the text of a payload, signed with the development key. */
export function testImage(body: string, load = 'TEST.1-0-0'): Uint8Array {
  const parts = {
    body: new TextEncoder().encode(body),
    halAbi: HAL_ABI,
    version: { major: 1, minor: 0, revision: 0, build: 0 },
    securityCounter: 0,
    models: ['*'],
    load,
    buildId: 'test',
    hardwareRevisions: null,
    protocol: null,
  };
  return emit(parts, sealerOf(developmentKey()));
}

/** A flash part with confirmed images in its slots, the one in A the newer. */
export function testFlash(bodies: Readonly<Partial<Record<Slot, string>>>): VirtualFlash {
  const flash = blankFlash();
  for (const [sequence, slot] of (['B', 'A'] as const).entries()) {
    const body = bodies[slot];
    if (body === undefined) continue;
    flash.program(FLASH_MAP[slot].offset, testImage(body, `TEST-${slot}.1-0-0`));
    markInstalled(flash, slot, sequence + 1);
    markConfirmed(flash, slot);
  }
  return flash;
}

export interface HeardEvent {
  readonly at: number;
  readonly phone: string;
  readonly type: string;
  readonly fields: object;
}

/** Boards on one virtual timeline, and all that was heard of them. */
export class TestBoards {
  readonly timeline = new VirtualTimeline();
  readonly cpu: Cpu;
  readonly events: HeardEvent[] = [];
  readonly console: string[] = [];
  readonly cables: Cable[] = [];

  constructor(cpu = new Cpu()) {
    this.cpu = cpu;
  }

  /** A board without power, with a cable of its own. */
  add(flash: VirtualFlash, differs: Partial<PhoneOptions> = {}): Phone {
    const mac = autoMac(0, 0, this.cables.length);
    const cable = createCable(this.timeline);
    this.cables.push(cable);
    return new Phone({
      model: modelNamed('7975')!,
      mac,
      flash,
      wire: cable.a,
      powerSource: 'poe',
      rng: new SeededRng(phoneSeed(1, mac)),
      wallClock: new VirtualWallClock(this.timeline, 0),
      secure: (complete) =>
        new HostSecureElement({ timeline: this.timeline, bootKeys: [developmentKey().bootKey], complete }),
      timeline: this.timeline,
      cpu: this.cpu,
      tunables: tunableValues(),
      realistic: false,
      sinks: {
        trace: (phone, at, type, fields) => this.events.push({ at, phone: phone.board.deviceName, type, fields }),
        console: (_phone, line) => this.console.push(line),
      },
      ...differs,
    });
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }
}
