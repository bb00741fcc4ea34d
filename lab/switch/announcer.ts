/**
 * The switch's side of neighbor discovery: it hears CDP and LLDP on each port, answers a new or changed CDP neighbor at once as IOS does,
 * repeats itself every 60 s (CDP) and 30 s (LLDP), and speaks LLDP-MED only after it heard LLDP-MED (TIA-1057 10.2.1).
 */
import { isMalformed } from '../../firmware/malformed.ts';
import * as cdp from '../../firmware/wire/cdp.ts';
import * as lldp from '../../firmware/wire/lldp.ts';
import { mac } from '../../firmware/wire/octets.ts';
import type { Mac } from '../../hal/nic.ts';
import type { Timeline } from '../../hal/timeline.ts';
import { type Instant, MILLISECOND, NEVER, SECOND } from '../../hal/timer.ts';
import { ConstantDelayQueue } from '../constant-delay-queue.ts';
import type { LabEventSink } from '../lab-event.ts';
import {
  cdpMessage,
  cdpPayload,
  emitCdpFrame,
  emitLldpFrame,
  lldpMessage,
  lldpPayload,
  type SwitchIdentity,
} from './announcements.ts';
import type { PowerSourcing } from './power-sourcing.ts';
import type { PortNeighbor, SwitchPort } from './switch-port.ts';

const CDP_INTERVAL = 60 * SECOND;
/** 802.1AB 9.2.5.7, msgTxInterval. */
const LLDP_INTERVAL = 30 * SECOND;
/** From link up to the first announcement of a port on which nobody spoke. */
const FIRST_DELAY = 1 * SECOND;
/** TIA-1057 11.2.1: medFastStartRepeatCount, a second apart. */
const FAST_START_COUNT = 3;
const FAST_START_SPACING = 1 * SECOND;

/** A neighbor that repeats itself faster than any steady interval waits for an answer. */
const ASKING_WITHIN = 5 * SECOND;
/** Not more than one CDP answer in this time: a phone sends its announcement untagged and tagged. */
const ANSWER_SPACING = 500 * MILLISECOND;

const MAXIMUM_FRAME = 1518;

export interface AnnouncerOptions {
  readonly timeline: Timeline;
  readonly identity: SwitchIdentity;
  readonly power: PowerSourcing;
  readonly events: LabEventSink;
}

export class Announcer {
  readonly #timeline: Timeline;
  readonly #identity: SwitchIdentity;
  readonly #power: PowerSourcing;
  readonly #events: LabEventSink;
  readonly #first: ConstantDelayQueue<SwitchPort>;
  readonly #cdp: ConstantDelayQueue<SwitchPort>;
  readonly #lldp: ConstantDelayQueue<SwitchPort>;
  readonly #fast: ConstantDelayQueue<SwitchPort>;
  readonly #frame = new Uint8Array(MAXIMUM_FRAME);
  sentFrames = 0;
  heardFrames = 0;
  malformedFrames = 0;

  constructor(options: AnnouncerOptions) {
    this.#timeline = options.timeline;
    this.#identity = options.identity;
    this.#power = options.power;
    this.#events = options.events;
    this.#first = new ConstantDelayQueue(options.timeline, FIRST_DELAY, (port) => this.#speakFirst(port));
    this.#cdp = new ConstantDelayQueue(options.timeline, CDP_INTERVAL, (port, at) => {
      if (port.cdpDueAt === at) this.#speakCdpAgain(port);
    });
    this.#lldp = new ConstantDelayQueue(options.timeline, LLDP_INTERVAL, (port, at) => {
      if (port.lldpDueAt === at) this.#speakLldpAgain(port);
    });
    this.#fast = new ConstantDelayQueue(options.timeline, FAST_START_SPACING, (port) => this.#speakFast(port));
  }

  linkUp(port: SwitchPort): void {
    if (!port.options.cdp && !port.options.lldp) return;
    this.#first.add(port);
    this.#schedule(port);
  }

  linkDown(port: SwitchPort): void {
    port.forgetNeighbors();
    port.medHeard = false;
    port.classification = null;
    port.fastStarts = 0;
    port.cdpSpoken = false;
    port.cdpDueAt = NEVER;
    port.lldpDueAt = NEVER;
  }

  /** Says at once what changed on the port: voice VLAN, power. */
  announce(port: SwitchPort): void {
    if (!port.state.up) return;
    this.#schedule(port);
    if (port.options.cdp && port.options.vendor === 'cisco') this.#sendCdp(port);
    if (port.options.lldp) this.#startFast(port);
  }

  hearCdp(port: SwitchPort, bytes: Uint8Array, length: number): void {
    const payload = cdpPayload(bytes, length);
    if (payload === null) return;
    this.heardFrames += 1;
    const now = this.#timeline.now();
    const source = mac(bytes, 6);
    const neighbor = port.neighbor('cdp', source);
    // The checksum tells whether anything changed; what did not change is not read again.
    const fingerprint = (bytes[payload.offset + 2]! << 8) | bytes[payload.offset + 3]!;
    if (neighbor !== null && now < neighbor.expiresAt && neighbor.fingerprint === fingerprint) {
      const asking = now - neighbor.heardAt < ASKING_WITHIN;
      neighbor.heardAt = now;
      neighbor.expiresAt = now + bytes[payload.offset + 1]! * SECOND;
      if (asking && now - neighbor.answeredAt >= ANSWER_SPACING) this.#answerCdp(port, neighbor, now);
      return;
    }
    const message = cdp.parse(bytes, payload.offset, payload.length);
    if (isMalformed(message)) {
      this.malformedFrames += 1;
      return;
    }
    this.#learnCdp(port, source, message, fingerprint, now);
  }

  hearLldp(port: SwitchPort, bytes: Uint8Array, length: number): void {
    const payload = lldpPayload(bytes, length);
    if (payload === null) return;
    this.heardFrames += 1;
    const now = this.#timeline.now();
    const fingerprint = fnv(bytes, payload.offset, payload.offset + payload.length);
    const source = mac(bytes, 6);
    const neighbor = port.neighbor('lldp', source);
    if (neighbor !== null && now < neighbor.expiresAt && neighbor.fingerprint === fingerprint) {
      neighbor.expiresAt += now - neighbor.heardAt;
      neighbor.heardAt = now;
      return;
    }
    const message = lldp.parse(bytes, payload.offset, payload.length);
    if (isMalformed(message)) {
      this.malformedFrames += 1;
      return;
    }
    this.#learnLldp(port, source, message, fingerprint, now);
  }

  #learnCdp(port: SwitchPort, source: Mac, message: cdp.Message, fingerprint: number, now: Instant): void {
    const deviceId = cdp.textOf(message, 'deviceId') ?? '';
    const platform = cdp.textOf(message, 'platform') ?? '';
    const before = port.neighbor('cdp', source);
    const isNew = before === null || before.deviceId !== deviceId || now >= before.expiresAt;
    const neighbor: PortNeighbor = {
      mac: source,
      deviceId,
      platform,
      expiresAt: now + message.ttl * SECOND,
      fingerprint,
      heardAt: now,
      answeredAt: before?.answeredAt ?? Number.NEGATIVE_INFINITY,
    };
    port.setNeighbor('cdp', neighbor);
    const powered = port.options.poe && this.#negotiateCdp(port, message);
    if (isNew || powered || now - neighbor.answeredAt >= ANSWER_SPACING) this.#answerCdp(port, neighbor, now);
    if (isNew) this.#events(now, { type: 'switch.neighbor', port: port.name, device: deviceId, via: 'cdp', platform });
  }

  /** True when the Power Available TLV has news for the device. */
  #negotiateCdp(port: SwitchPort, message: cdp.Message): boolean {
    const requested = cdp.find(message, 'powerRequested');
    const consumption = cdp.numberOf(message, 'powerConsumption');
    const { power } = port;
    let changed: boolean;
    if (requested !== undefined) {
      changed = this.#power.negotiate(power, 'cdp', requested.levels, requested.requestId);
    } else if (consumption !== null) {
      changed = this.#power.negotiate(power, 'cdp', [consumption], power.requestId);
    } else {
      return false;
    }
    if (changed) this.#tellPower(port);
    return changed;
  }

  #tellPower(port: SwitchPort): void {
    const milliwatts = port.power.allocated;
    this.#events(this.#timeline.now(), { type: 'switch.power', port: port.name, outcome: 'adjusted', milliwatts });
  }

  #learnLldp(port: SwitchPort, source: Mac, message: lldp.Message, fingerprint: number, now: Instant): void {
    if (message.ttl === 0) {
      port.forgetNeighbor('lldp', source);
      port.medHeard = false;
      return;
    }
    const name = message.tlvs.find((tlv) => tlv.kind === 'systemName');
    const model = message.tlvs.find((tlv) => tlv.kind === 'medInventory' && tlv.subtype === lldp.INVENTORY.modelName);
    const deviceId = name?.kind === 'systemName' ? name.text : '';
    const platform = model?.kind === 'medInventory' ? model.text : '';
    const before = port.neighbor('lldp', source);
    const isNew = before === null || before.deviceId !== deviceId || now >= before.expiresAt;
    port.setNeighbor('lldp', {
      mac: source,
      deviceId,
      platform,
      expiresAt: now + message.ttl * SECOND,
      fingerprint,
      heardAt: now,
      answeredAt: now,
    });
    const powered = port.options.poe && this.#negotiateLldp(port, message);
    const med = lldp.find(message, 'medCapabilities') !== undefined;
    const firstMed = med && (!port.medHeard || isNew);
    port.medHeard = med;
    if (firstMed || (powered && med)) this.#startFast(port);
    if (isNew) this.#events(now, { type: 'switch.neighbor', port: port.name, device: deviceId, via: 'lldp', platform });
  }

  #negotiateLldp(port: SwitchPort, message: lldp.Message): boolean {
    const wanted = lldp.find(message, 'medPower');
    const asked = lldp.find(message, 'powerViaMdi')?.classification ?? null;
    const tenths = asked?.requested ?? (wanted?.type === 1 ? wanted.tenths : null);
    if (tenths === null) return false;
    const news = asked !== null && port.classification === null;
    port.classification = asked;
    const changed = this.#power.negotiate(port.power, 'lldp', [tenths * 100], 0) || news;
    if (changed) this.#tellPower(port);
    return changed;
  }

  #answerCdp(port: SwitchPort, neighbor: PortNeighbor, now: Instant): void {
    if (!port.options.cdp || port.options.vendor !== 'cisco') return;
    neighbor.answeredAt = now;
    this.#sendCdp(port);
  }

  #schedule(port: SwitchPort): void {
    const { cdp: speaksCdp, lldp: speaksLldp, vendor } = port.options;
    if (speaksCdp && vendor === 'cisco' && port.cdpDueAt === NEVER) port.cdpDueAt = this.#cdp.add(port);
    if (speaksLldp && port.lldpDueAt === NEVER) port.lldpDueAt = this.#lldp.add(port);
  }

  #speakFirst(port: SwitchPort): void {
    if (!port.state.up) return;
    if (port.options.cdp && port.options.vendor === 'cisco' && !port.cdpSpoken) this.#sendCdp(port);
    if (port.options.lldp && !port.medHeard) this.#sendLldp(port);
  }

  #speakCdpAgain(port: SwitchPort): void {
    port.cdpDueAt = NEVER;
    this.#schedule(port);
    if (port.options.cdp) this.#sendCdp(port);
  }

  #speakLldpAgain(port: SwitchPort): void {
    port.lldpDueAt = NEVER;
    this.#schedule(port);
    if (port.options.lldp) this.#sendLldp(port);
  }

  /** Now, and twice more a second apart. */
  #startFast(port: SwitchPort): void {
    const running = port.fastStarts > 0;
    port.fastStarts = FAST_START_COUNT - 1;
    this.#sendLldp(port);
    if (!running) this.#fast.add(port);
  }

  #speakFast(port: SwitchPort): void {
    if (port.fastStarts === 0 || !port.options.lldp) return;
    port.fastStarts -= 1;
    this.#sendLldp(port);
    if (port.fastStarts > 0) this.#fast.add(port);
  }

  #sendCdp(port: SwitchPort): void {
    port.cdpSpoken = true;
    this.sentFrames += 1;
    const length = emitCdpFrame(this.#identity.mac, cdpMessage(this.#identity, port), this.#frame);
    port.wire.transmit(this.#frame, length);
  }

  #sendLldp(port: SwitchPort): void {
    this.sentFrames += 1;
    const length = emitLldpFrame(this.#identity.mac, lldpMessage(this.#identity, port), this.#frame);
    port.wire.transmit(this.#frame, length);
  }
}

/** FNV-1a: a changed frame is told from a repeated one. */
function fnv(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}
