/**
 * CDP as a telephone speaks it: asks for its voice VLAN when the link comes up, announces itself every minute, and bargains about power.
 *
 *     down ──link up──▶ querying ──a switch answers, or all queries are spent──▶ steady ──link down──▶ down
 *
 * The boot behaviour is that of voiphopper's 7971 and of the documented 79xx: one query at link-up, repeated while nothing is heard, a second
 * frame right after the switch has answered.
 */
import type { ModelRow } from '../../hal/board.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import type { Rng } from '../../hal/rng.ts';
import { earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import * as cdp from '../wire/cdp.ts';

/** A VLAN identifier 1 to 4094, or 0: tagged for the priority only; the switch wants no tag; it named no voice VLAN at all. */
export type VoiceVlan = number | 'untagged' | 'none';

/** The switch port at the other end, as far as it told. */
export interface CdpNeighbor {
  readonly device: string;
  readonly port: string;
  readonly platform: string | null;
  readonly version: string | null;
  readonly address: Ipv4 | null;
  readonly vtpDomain: string | null;
  readonly nativeVlan: number | null;
  readonly voiceVlan: VoiceVlan;
  readonly fullDuplex: boolean | null;
  /** True: the CoS of frames from the PC port is left alone. False: it becomes `untrustedCos`. */
  readonly extendTrust: boolean;
  readonly untrustedCos: number;
}

export type CdpIn =
  | { readonly kind: 'link'; readonly up: boolean; readonly fullDuplex: boolean }
  | { readonly kind: 'received'; readonly message: cdp.Message }
  /** What the phone says about itself; absent fields stay as they were. `consumptionMilliwatts` 0: it runs on its own supply and asks for nothing. */
  | {
      readonly kind: 'identity';
      readonly address?: Ipv4 | null;
      readonly load?: string;
      readonly consumptionMilliwatts?: number;
      /** False: the configuration forbids to bargain about power. */
      readonly negotiatesPower?: boolean;
    }
  /** The voice VLAN in use; null for none. */
  | { readonly kind: 'vlan'; readonly vlan: number | null };

export type CdpOut =
  /** `vlan` null: without a tag. */
  | { readonly kind: 'send'; readonly message: cdp.Message; readonly vlan: number | null }
  /** A new neighbour, or one that says something new about itself. */
  | { readonly kind: 'neighbor'; readonly neighbor: CdpNeighbor }
  /** The first answer since link-up, and every other one after it. */
  | { readonly kind: 'voice-vlan'; readonly vlan: VoiceVlan }
  | { readonly kind: 'native-vlan'; readonly vlan: number | null }
  /** The switch's word on power. `drawMilliwatts` is the largest requested level within it, null when it did not answer a request of ours. */
  | {
      readonly kind: 'power';
      readonly availableMilliwatts: number;
      readonly managementMilliwatts: number | null;
      readonly drawMilliwatts: number | null;
      /** It answers our request and allows none of the levels asked for. */
      readonly refused: boolean;
    }
  /** The neighbour says nothing about power: the phone keeps to the minimum. */
  | { readonly kind: 'low-power' }
  | { readonly kind: 'duplex-mismatch'; readonly neighborFullDuplex: boolean }
  /** The neighbour is gone: not heard for its hold time, said good-bye, or the link is down. */
  | { readonly kind: 'expired'; readonly device: string; readonly port: string }
  /** Every query of the boot went unanswered. */
  | { readonly kind: 'silent' };

type State =
  | { readonly name: 'down' }
  | { readonly name: 'querying'; readonly sent: number; readonly sendAt: Instant }
  | { readonly name: 'steady'; readonly sendAt: Instant };

const LEGAL: Readonly<Record<State['name'], readonly State['name'][]>> = {
  down: ['querying'],
  querying: ['querying', 'steady', 'down'],
  steady: ['steady', 'down'],
};

/** IOS prints five levels of a Power Request, unused ones as 0. */
const POWER_LEVELS = 5;

export class CdpMachine implements Machine<CdpIn, CdpOut> {
  readonly #model: ModelRow;
  readonly #deviceName: string;
  readonly #tunables: TunableValues;
  /** Never 0, which the switch uses for "none received"; kept as long as the list of levels is the same. */
  readonly #requestId: number;
  #state: State = { name: 'down' };
  #queue: CdpOut[] = [];

  #fullDuplex = false;
  #address: Ipv4 | null = null;
  #load: string | null = null;
  #consumption: number;
  #negotiatesPower = true;
  #vlan: number | null = null;
  /** The voice VLAN changed: its copy of the frame is due. */
  #tagDue = false;

  #neighbor: CdpNeighbor | null = null;
  #expiresAt: Instant = NEVER;
  /** The last one received; sent back in every request. */
  #managementId = 0;
  /** What was reported last since link-up, so that only changes are. */
  #reported: { voiceVlan?: VoiceVlan; nativeVlan?: number | null; power?: string } = {};

  constructor(model: ModelRow, deviceName: string, tunables: TunableValues, rng: Rng) {
    this.#model = model;
    this.#deviceName = deviceName;
    this.#tunables = tunables;
    this.#requestId = 1 + rng.below(0xffff);
    this.#consumption = model.power.consumptionMilliwatts;
  }

  /** Null when nobody is known. */
  get neighbor(): CdpNeighbor | null {
    return this.#neighbor;
  }

  process(now: Instant, input: CdpIn): void {
    switch (input.kind) {
      case 'link':
        this.#link(now, input.up, input.fullDuplex);
        return;
      case 'received':
        if (this.#state.name !== 'down') this.#received(now, input.message);
        return;
      case 'identity':
        this.#identity(now, input);
        return;
      case 'vlan':
        // The untagged copy has just gone out with the answer; only the one on the new VLAN is missing.
        this.#tagDue = input.vlan !== this.#vlan;
        this.#vlan = input.vlan;
    }
  }

  dispatch(now: Instant, emit: (out: CdpOut) => void): void {
    if (now >= this.#expiresAt) this.#forget();
    if (this.#queue.length > 0) {
      const queue = this.#queue;
      this.#queue = [];
      for (const out of queue) emit(out);
    }
    const state = this.#state;
    if (state.name === 'down') return;
    if (now >= state.sendAt) {
      const spent = state.name === 'querying' && state.sent === this.#tunables['cdp.bootQueries'];
      if (spent) emit({ kind: 'silent' });
      else this.#send(emit, true);
      const interval = this.#tunables['cdp.interval'] * SECOND;
      if (state.name === 'steady' || spent) this.#to({ name: 'steady', sendAt: now + interval });
      else this.#to({ ...state, sent: state.sent + 1, sendAt: now + this.#tunables['cdp.bootInterval'] * SECOND });
    } else if (this.#tagDue) {
      this.#send(emit, false);
    }
  }

  pollAt(): Instant {
    if (this.#queue.length > 0) return 0;
    if (this.#state.name === 'down') return this.#expiresAt;
    return this.#tagDue ? 0 : earlier(this.#state.sendAt, this.#expiresAt);
  }

  #to(next: State): void {
    if (!LEGAL[this.#state.name].includes(next.name)) throw new Error(`CDP: ${this.#state.name} to ${next.name}`);
    this.#state = next;
  }

  #link(now: Instant, up: boolean, fullDuplex: boolean): void {
    const changed = fullDuplex !== this.#fullDuplex;
    this.#fullDuplex = fullDuplex;
    if (up && this.#state.name === 'down') {
      this.#to({ name: 'querying', sent: 0, sendAt: now });
    } else if (up && changed) {
      this.#announce(now);
    } else if (!up && this.#state.name !== 'down') {
      this.#to({ name: 'down' });
      this.#forget();
      this.#reported = {};
      this.#managementId = 0;
      this.#tagDue = false;
    }
  }

  #identity(now: Instant, input: Extract<CdpIn, { kind: 'identity' }>): void {
    const { address = this.#address, load = this.#load, consumptionMilliwatts = this.#consumption } = input;
    const { negotiatesPower = this.#negotiatesPower } = input;
    const same = address === this.#address && load === this.#load && consumptionMilliwatts === this.#consumption;
    if (same && negotiatesPower === this.#negotiatesPower) return;
    this.#negotiatesPower = negotiatesPower;
    this.#address = address;
    this.#load = load;
    this.#consumption = consumptionMilliwatts;
    this.#announce(now);
  }

  /** Something in the frame changed: the next one is due now. While querying the next one comes soon enough. */
  #announce(now: Instant): void {
    if (this.#state.name === 'steady') this.#to({ name: 'steady', sendAt: now });
  }

  #received(now: Instant, message: cdp.Message): void {
    if (isTelephone(message)) return;
    const neighbor = neighborOf(message);
    const held = this.#neighbor;
    const same = held !== null && held.device === neighbor.device && held.port === neighbor.port;
    // One switch port is at the other end. Where a hub shows several devices the first one holds, unless only the other names a voice VLAN.
    if (held !== null && !same && (held.voiceVlan !== 'none' || neighbor.voiceVlan === 'none')) return;
    if (message.ttl === 0) {
      if (same) this.#forget();
      return;
    }
    this.#neighbor = neighbor;
    this.#expiresAt = now + message.ttl * SECOND;
    if (held === null || !equal(held, neighbor)) {
      this.#queue.push({ kind: 'neighbor', neighbor });
      if (neighbor.fullDuplex !== null && neighbor.fullDuplex !== this.#fullDuplex) {
        this.#queue.push({ kind: 'duplex-mismatch', neighborFullDuplex: neighbor.fullDuplex });
      }
    }
    if (neighbor.nativeVlan !== this.#reported.nativeVlan) {
      this.#reported.nativeVlan = neighbor.nativeVlan;
      this.#queue.push({ kind: 'native-vlan', vlan: neighbor.nativeVlan });
    }
    this.#power(now, message);
    if (neighbor.voiceVlan !== this.#reported.voiceVlan) {
      this.#reported.voiceVlan = neighbor.voiceVlan;
      this.#queue.push({ kind: 'voice-vlan', vlan: neighbor.voiceVlan });
    }
    if (this.#state.name === 'querying') this.#to({ name: 'steady', sendAt: now });
  }

  #power(now: Instant, message: cdp.Message): void {
    const available = cdp.find(message, 'powerAvailable');
    if (available === undefined) {
      this.#reportPower('none', { kind: 'low-power' });
      return;
    }
    this.#managementId = available.managementId;
    const [availableMilliwatts = 0, management = cdp.NO_POWER_PREFERENCE] = available.levels;
    const managementMilliwatts = management === cdp.NO_POWER_PREFERENCE ? null : management;
    const ceiling = Math.min(availableMilliwatts, management);
    // Until the switch echoes our request it speaks of something else: an earlier phone, or none.
    const answered = available.requestId === this.#requestId && this.#asksForPower();
    const draw = answered ? this.#levelWithin(ceiling) : null;
    this.#reportPower(`${availableMilliwatts} ${management} ${draw}`, {
      kind: 'power',
      availableMilliwatts,
      managementMilliwatts,
      drawMilliwatts: draw,
      refused: answered && draw === null,
    });
    if (draw !== null && draw !== this.#consumption) {
      this.#consumption = draw;
      this.#announce(now);
    }
  }

  /** The largest level asked for that is allowed; the zeros behind the levels stand for none. */
  #levelWithin(ceiling: number): number | null {
    return this.#model.power.requestedMilliwatts.find((level) => level > 0 && level <= ceiling) ?? null;
  }

  #reportPower(key: string, out: CdpOut): void {
    if (this.#reported.power === key) return;
    this.#reported.power = key;
    this.#queue.push(out);
  }

  #asksForPower(): boolean {
    return this.#negotiatesPower && this.#model.power.requestedMilliwatts.length > 0 && this.#consumption > 0;
  }

  #forget(): void {
    if (this.#neighbor !== null) {
      this.#queue.push({ kind: 'expired', device: this.#neighbor.device, port: this.#neighbor.port });
    }
    this.#neighbor = null;
    this.#expiresAt = NEVER;
  }

  /** Untagged always; also on the voice VLAN for models that do so, so that the switch learns their address there (3560-E manual). */
  #send(emit: (out: CdpOut) => void, untagged: boolean): void {
    this.#tagDue = false;
    const message = this.#message();
    if (untagged) emit({ kind: 'send', message, vlan: null });
    if (this.#model.cdp.taggedToo && this.#vlan !== null && this.#vlan !== 0) {
      emit({ kind: 'send', message, vlan: this.#vlan });
    }
  }

  /** In the order of a real 7960's frame. Addresses stay out while there is none, the version until the load is known. */
  #message(): cdp.Message {
    const { cdp: row, platform, power } = this.#model;
    const tlvs: cdp.Tlv[] = [{ kind: 'deviceId', text: this.#deviceName }];
    if (this.#address !== null) {
      tlvs.push({ kind: 'addresses', addresses: [{ protocol: 'ipv4', address: this.#address }] });
    }
    tlvs.push({ kind: 'portId', text: 'Port 1' }, { kind: 'capabilities', value: row.capabilities });
    if (this.#load !== null) tlvs.push({ kind: 'version', text: this.#load });
    tlvs.push(
      { kind: 'platform', text: platform },
      { kind: 'voipVlanQuery', value: Uint8Array.from(cdp.VOIP_VLAN_QUERY) },
      { kind: 'duplex', full: this.#fullDuplex },
      { kind: 'powerConsumption', value: this.#consumption },
    );
    if (this.#asksForPower()) {
      const levels = [...power.requestedMilliwatts];
      while (levels.length < POWER_LEVELS) levels.push(0);
      tlvs.push({ kind: 'powerRequested', requestId: this.#requestId, managementId: this.#managementId, levels });
    }
    return { version: 2, ttl: this.#tunables['cdp.ttl'], tlvs };
  }
}

/** Another telephone on the same segment, heard through a hub or a bridge that passes CDP on. It is no switch of ours. */
function isTelephone(message: cdp.Message): boolean {
  const capabilities = cdp.numberOf(message, 'capabilities') ?? 0;
  return (capabilities & cdp.CAPABILITY.phone) !== 0 || cdp.find(message, 'voipVlanQuery') !== undefined;
}

function neighborOf(message: cdp.Message): CdpNeighbor {
  return {
    device: cdp.textOf(message, 'deviceId') ?? '',
    port: cdp.textOf(message, 'portId') ?? '',
    platform: cdp.textOf(message, 'platform'),
    version: cdp.textOf(message, 'version'),
    address: firstIpv4(message, 'addresses') ?? firstIpv4(message, 'managementAddresses'),
    vtpDomain: cdp.textOf(message, 'vtpDomain'),
    nativeVlan: cdp.numberOf(message, 'nativeVlan'),
    voiceVlan: voiceVlanOf(message),
    fullDuplex: cdp.find(message, 'duplex')?.full ?? null,
    extendTrust: ((cdp.numberOf(message, 'trustBitmap') ?? 0) & 1) !== 0,
    untrustedCos: cdp.numberOf(message, 'untrustedCos') ?? 0,
  };
}

function firstIpv4(message: cdp.Message, kind: 'addresses' | 'managementAddresses'): Ipv4 | null {
  for (const one of cdp.find(message, kind)?.addresses ?? []) if (one.protocol === 'ipv4') return one.address;
  return null;
}

/** IOS: `voice vlan N`, `voice vlan dot1p` (0), `voice vlan untagged` (4095), `voice vlan none` (no TLV). Above 4095 is no VLAN. */
function voiceVlanOf(message: cdp.Message): VoiceVlan {
  const reply = cdp.find(message, 'voipVlanReply');
  if (reply === undefined || reply.vlan > cdp.VLAN_UNTAGGED) return 'none';
  return reply.vlan === cdp.VLAN_UNTAGGED ? 'untagged' : reply.vlan;
}

function equal(a: CdpNeighbor, b: CdpNeighbor): boolean {
  return (Object.keys(a) as (keyof CdpNeighbor)[]).every((key) => a[key] === b[key]);
}
