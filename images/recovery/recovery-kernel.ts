import { Stack } from '../../firmware/net/stack.ts';
import { AddressStage } from '../../firmware/startup/address-stage.ts';
import { newPhoneContext, stageObserver } from '../../firmware/startup/new-phone-context.ts';
import type { PhoneContext } from '../../firmware/startup/phone-context.ts';
import { Sequencer } from '../../firmware/startup/sequencer.ts';
import { TftpServerStage } from '../../firmware/startup/tftp-server-stage.ts';
import { VoiceVlanStage } from '../../firmware/startup/voice-vlan-stage.ts';
import type { BootRecord, EntryPoints } from '../../hal/entry-points.ts';
import type { Hal } from '../../hal/hal.ts';
import { earlier, type Instant } from '../../hal/timer.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { RecordStore } from '../../storage/record-store.ts';
import { ImageStage } from './image-stage.ts';

/** As in the firmware's kernel: more rounds are a machine that never rests. */
const MAX_ROUNDS = 1000;

/**
 * The firmware's first steps (voice VLAN, address, TFTP server) with another end: a load is fetched and installed instead of a
 * registration. No trust list is asked for, since the image's own signature says whether it may run.
 */
export class RecoveryKernel implements EntryPoints {
  readonly #hal: Hal;
  readonly #phone: PhoneContext;
  readonly #voiceVlan: VoiceVlanStage;
  readonly #address: AddressStage;
  readonly #sequencer: Sequencer;

  constructor(hal: Hal, boot: BootRecord) {
    this.#hal = hal;
    const { nic, rng, trace, flash } = hal;
    const memory = RecordStore.open(flash, FLASH_MAP.settings);
    const stack = new Stack({
      nic,
      rng,
      discovery: (now, kind, bytes, offset, length) => this.#voiceVlan.discovered(now, kind, bytes, offset, length),
      hooks: { onDebug: (line) => trace.debug(line), onConflict: (now) => this.#address.conflict(now) },
    });
    this.#phone = newPhoneContext(hal, boot, stack, memory);
    this.#voiceVlan = new VoiceVlanStage(this.#phone);
    this.#address = new AddressStage(this.#phone, (now, ip, domain) =>
      this.#voiceVlan.announceAddress(now, ip, domain),
    );
    const stages = [this.#voiceVlan, this.#address, new TftpServerStage(this.#phone), new ImageStage(this.#phone)];
    const observer = stageObserver(this.#phone, () => hal.power.reset('recovery'));
    this.#sequencer = new Sequencer(stages, observer);
    const now = hal.timer.now();
    this.#sequencer.start(now);
    this.#settle(now);
  }

  onFrame(bytes: Uint8Array, length: number): void {
    const now = this.#hal.timer.now();
    this.#phone.stack.process(now, bytes, length);
    this.#settle(now);
  }

  onAlarm(): void {
    this.#settle(this.#hal.timer.now());
  }

  onLink(up: boolean): void {
    const now = this.#hal.timer.now();
    this.#voiceVlan.link(now, up);
    this.#settle(now);
  }

  onPower(): void {}

  onInput(): void {}

  onCompletion(): void {}

  onShutdown(): void {
    const now = this.#hal.timer.now();
    this.#address.release(now);
    this.#voiceVlan.goodBye(now);
    this.#hal.power.off();
  }

  #settle(now: Instant): void {
    const { stack, names, files } = this.#phone;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (stack.pollAt() <= now) stack.dispatch(now);
      if (names.pollAt() <= now) names.dispatch(now);
      if (files.pollAt() <= now) files.dispatch(now);
      this.#sequencer.dispatch(now);
      const own = earlier(stack.pollAt(), this.#sequencer.pollAt());
      const at = earlier(own, earlier(names.pollAt(), files.pollAt()));
      if (at > now) {
        this.#hal.timer.arm(at);
        return;
      }
    }
    throw new Error(`recovery does not come to rest in stage ${this.#sequencer.current ?? 'image'}`);
  }
}
