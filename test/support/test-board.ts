import { createHash, createPrivateKey, sign } from 'node:crypto';
import { Cpu } from '../../device/cpu.ts';
import { autoMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { Phone, type PhoneOptions } from '../../device/phone.ts';
import { HAL_ABI } from '../../hal/hal.ts';
import { HostSecureElement } from '../../hal/host/secure-element.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { type Cable, createCable } from '../../hal/virtual/cable.ts';
import { VirtualWallClock } from '../../hal/virtual/clock.ts';
import { VirtualFlash } from '../../hal/virtual/flash.ts';
import { FlashBase } from '../../hal/virtual/flash-base.ts';
import { phoneSeed, SeededRng } from '../../hal/virtual/rng.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import { DEVELOPMENT_KEY_ID, DEVELOPMENT_SEED_TEXT, developmentBootKey } from '../../storage/development-key.ts';
import { FLASH_MAP, FLASH_SIZE, type Slot } from '../../storage/flash-map.ts';
import { emit } from '../../storage/image-format.ts';
import { markConfirmed, markInstalled } from '../../storage/slot-trailer.ts';

export const sha256 = (octets: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(octets).digest());

const developmentKey = createPrivateKey({
  key: Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    sha256(Buffer.from(DEVELOPMENT_SEED_TEXT)),
  ]),
  format: 'der',
  type: 'pkcs8',
});

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
  return emit(parts, {
    sha256,
    sign: (digest) => ({ keyId: DEVELOPMENT_KEY_ID, algorithm: 'ed25519', octets: sign(null, digest, developmentKey) }),
  });
}

/** A flash part with confirmed images in its slots, the one in A the newer. */
export function testFlash(bodies: Readonly<Partial<Record<Slot, string>>>): VirtualFlash {
  const flash = new VirtualFlash(new FlashBase(new Uint8Array(0), sha256), FLASH_SIZE);
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
        new HostSecureElement({ timeline: this.timeline, bootKeys: [developmentBootKey()], complete }),
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
