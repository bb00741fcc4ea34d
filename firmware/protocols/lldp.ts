/**
 * LLDP-MED as a telephone speaks it (802.1AB, ANSI/TIA-1057): three frames in a row when the link comes up, since a switch sends its network policy
 * only to those who have shown that they are MED endpoints; then one every half minute.
 *
 *     down ──link up──▶ fast ──three sent──▶ steady        any ──shutdown──▶ stopped ──link down──▶ down
 *                         ▲────new MED neighbour, new policy────┘
 */
import type { Board } from '../../hal/board.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import { earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import * as lldp from '../wire/lldp.ts';
import { type LldpIdentity, phoneAnnouncement } from './lldp-announcement.ts';

/** The device at the other end, as far as it told. */
export interface LldpNeighbor {
  /** System name, or the Chassis ID where there is none. */
  readonly device: string;
  /** Port ID. */
  readonly port: string;
  readonly chassisId: lldp.Identifier;
  readonly portId: lldp.Identifier;
  readonly description: string | null;
  readonly address: Ipv4 | null;
  /** 802.1 port VLAN identifier. */
  readonly nativeVlan: number | null;
  /** Tagged voice VLAN of its policy; null for none, untagged or unknown. */
  readonly voiceVlan: number | null;
  /** It sends LLDP-MED Capabilities. */
  readonly med: boolean;
}

export type LldpIn =
  | { readonly kind: 'link'; readonly up: boolean; readonly fullDuplex: boolean }
  | { readonly kind: 'received'; readonly message: lldp.Message }
  /** What the phone says about itself; absent fields stay as they were. */
  | ({ readonly kind: 'identity' } & Partial<LldpIdentity>)
  /** What the phone now uses for voice, whoever decided it; `vlan` null is untagged. */
  | { readonly kind: 'vlan'; readonly vlan: number | null; readonly priority: number; readonly dscp: number }
  /** The phone goes away: tells the neighbour and falls silent until the link has been down. */
  | { readonly kind: 'shutdown' };

export type LldpOut =
  /** An LLDPDU, always without a tag. The octets are the machine's: not to be changed, and valid until the next `process`. */
  | { readonly kind: 'send'; readonly octets: Uint8Array }
  | { readonly kind: 'neighbor'; readonly neighbor: LldpNeighbor }
  /** A policy for voice or voice signalling, new or changed; null when the neighbour names none any more. */
  | { readonly kind: 'policy'; readonly application: number; readonly policy: lldp.Policy | null }
  | { readonly kind: 'power'; readonly availableMilliwatts: number; readonly via: 'med' | '802.3' }
  | { readonly kind: 'expired'; readonly device: string; readonly port: string }
  /** No voice policy came since link-up, and none is to be expected soon. */
  | { readonly kind: 'silent' };

type State =
  | { readonly name: 'down' }
  | { readonly name: 'fast'; readonly remaining: number; readonly sendAt: Instant }
  | { readonly name: 'steady'; readonly sendAt: Instant }
  | { readonly name: 'stopped' };

const LEGAL: Readonly<Record<State['name'], readonly State['name'][]>> = {
  down: ['fast', 'down'],
  fast: ['fast', 'steady', 'stopped', 'down'],
  steady: ['fast', 'steady', 'stopped', 'down'],
  stopped: ['down', 'stopped'],
};

/** Spacing of fast start frames (802.1AB 9.2.5.5, msgFastTx). */
const FAST_INTERVAL = 1 * SECOND;

const APPLICATIONS = [lldp.APPLICATION.voice, lldp.APPLICATION.voiceSignaling] as const;

export class LldpMachine implements Machine<LldpIn, LldpOut> {
  readonly #board: Board;
  readonly #tunables: TunableValues;
  #state: State = { name: 'down' };
  #queue: LldpOut[] = [];

  #identity: LldpIdentity = {
    address: null,
    load: '',
    domain: '',
    assetId: '',
    externalPower: false,
    policies: null,
    allocatedTenths: null,
  };
  /** What is sent, kept until something in it changes: thousands of phones repeat theirs unchanged. */
  #frame: Uint8Array | null = null;
  #lastSentAt: Instant = Number.NEGATIVE_INFINITY;

  #neighbor: LldpNeighbor | null = null;
  #expiresAt: Instant = NEVER;
  /** By application; null: heard from, and it names none. */
  #policies: Record<number, lldp.Policy | null> = {};
  #milliwatts: Partial<Record<'med' | '802.3', number>> = {};
  #fastStartOverAt: Instant = NEVER;
  /** When it is clear that no voice policy comes; NEVER once one came or that was said. */
  #silentAt: Instant = NEVER;

  constructor(board: Board, tunables: TunableValues) {
    this.#board = board;
    this.#tunables = tunables;
  }

  /** Null when nobody is known. */
  get neighbor(): LldpNeighbor | null {
    return this.#neighbor;
  }

  process(now: Instant, input: LldpIn): void {
    if (!this.#board.model.lldp.supported) return;
    switch (input.kind) {
      case 'link':
        this.#link(now, input.up);
        return;
      case 'received':
        if (this.#state.name !== 'down') this.#received(now, input.message);
        return;
      case 'identity': {
        const { kind: _, ...changes } = input;
        this.#change(now, changes);
        return;
      }
      case 'vlan':
        this.#change(now, { policies: this.#ownPolicies(input.vlan, input.priority, input.dscp) });
        return;
      case 'shutdown':
        this.#shutdown();
    }
  }

  dispatch(now: Instant, emit: (out: LldpOut) => void): void {
    if (now >= this.#expiresAt) this.#forget();
    if (now >= this.#silentAt) {
      this.#silentAt = NEVER;
      this.#queue.push({ kind: 'silent' });
    }
    if (this.#queue.length > 0) {
      const queue = this.#queue;
      this.#queue = [];
      for (const out of queue) emit(out);
    }
    const state = this.#state;
    if ((state.name !== 'fast' && state.name !== 'steady') || now < state.sendAt) return;
    this.#frame ??= octetsOf(phoneAnnouncement(this.#board, this.#tunables, this.#identity));
    this.#lastSentAt = now;
    emit({ kind: 'send', octets: this.#frame });
    const remaining = state.name === 'fast' ? state.remaining - 1 : 0;
    if (remaining > 0) this.#to({ name: 'fast', remaining, sendAt: now + FAST_INTERVAL });
    else this.#to({ name: 'steady', sendAt: now + this.#tunables['lldp.interval'] * SECOND });
  }

  pollAt(): Instant {
    if (this.#queue.length > 0) return 0;
    const state = this.#state;
    const sendAt = state.name === 'fast' || state.name === 'steady' ? state.sendAt : NEVER;
    return earlier(sendAt, earlier(this.#expiresAt, this.#silentAt));
  }

  #to(next: State): void {
    if (!LEGAL[this.#state.name].includes(next.name)) throw new Error(`LLDP: ${this.#state.name} to ${next.name}`);
    this.#state = next;
  }

  #link(now: Instant, up: boolean): void {
    if (!up) {
      this.#to({ name: 'down' });
      this.#forget();
      this.#policies = {};
      this.#milliwatts = {};
      this.#silentAt = NEVER;
    } else if (this.#state.name === 'down') {
      this.#lastSentAt = Number.NEGATIVE_INFINITY;
      this.#fastStart(now);
      this.#fastStartOverAt = now + this.#tunables['lldp.fastStartCount'] * FAST_INTERVAL;
      this.#silentAt = now + this.#tunables['lldp.bootWait'] * SECOND;
    }
  }

  #fastStart(now: Instant): void {
    const sendAt = Math.max(now, this.#lastSentAt + FAST_INTERVAL);
    this.#to({ name: 'fast', remaining: this.#tunables['lldp.fastStartCount'], sendAt });
  }

  /** The frame changed: it goes out at once, but not faster than a fast start does. */
  #change(now: Instant, changes: Partial<LldpIdentity>): void {
    const keys = Object.keys(changes) as (keyof LldpIdentity)[];
    if (keys.every((key) => changes[key] === this.#identity[key])) return;
    this.#identity = Object.assign({ ...this.#identity }, changes);
    this.#frame = null;
    if (this.#state.name !== 'steady') return;
    this.#to({ name: 'steady', sendAt: Math.max(now, this.#lastSentAt + FAST_INTERVAL) });
  }

  /** 802.1AB 9.1.2.2: a shutdown LLDPDU has the identifiers, a Time To Live of 0, and nothing else. */
  #shutdown(): void {
    if (this.#state.name === 'down' || this.#state.name === 'stopped') return;
    const { chassisId, portId } = phoneAnnouncement(this.#board, this.#tunables, this.#identity);
    this.#queue.push({ kind: 'send', octets: octetsOf({ chassisId, portId, ttl: 0, tlvs: [] }) });
    this.#silentAt = NEVER;
    this.#to({ name: 'stopped' });
  }

  #received(now: Instant, message: lldp.Message): void {
    if (isTelephone(message)) return;
    const neighbor = neighborOf(message);
    const held = this.#neighbor;
    const same = held !== null && held.device === neighbor.device && held.port === neighbor.port;
    // One port is at the other end. Where a hub shows several devices the first one holds, unless only the other has a policy.
    if (held !== null && !same && (held.voiceVlan !== null || neighbor.voiceVlan === null)) return;
    if (message.ttl === 0) {
      if (same) this.#forget();
      return;
    }
    this.#neighbor = neighbor;
    this.#expiresAt = now + message.ttl * SECOND;
    if (held === null || !equal(held, neighbor)) this.#queue.push({ kind: 'neighbor', neighbor });
    const isNewToMed = neighbor.med && !(same && held.med);
    const policyChanged = this.#takePolicies(message);
    this.#takePower(now, message);
    const active = this.#state.name === 'fast' || this.#state.name === 'steady';
    if (active && (isNewToMed || policyChanged)) this.#fastStart(now);
    if (this.#silentAt === NEVER) return;
    if (this.#policies[lldp.APPLICATION.voice]) {
      this.#silentAt = NEVER;
    } else {
      // A plain neighbour may turn to MED when it hears us, so it has until our fast start is over and never less than a second.
      this.#silentAt = earlier(this.#silentAt, Math.max(this.#fastStartOverAt, now + FAST_INTERVAL));
    }
  }

  /** Enterprise loads use voice and voice signalling. A policy with the unknown flag is as good as none (TIA-1057 10.2.3.2). */
  #takePolicies(message: lldp.Message): boolean {
    let changed = false;
    const med = lldp.find(message, 'medCapabilities');
    const isEndpoint = med !== undefined && med.deviceType < lldp.MED_CLASS.networkConnectivity;
    for (const application of APPLICATIONS) {
      const named = isEndpoint ? undefined : lldp.policyOf(message, application);
      const policy = named === undefined || named.unknown ? null : named;
      const before = this.#policies[application] ?? null;
      this.#policies[application] = policy;
      if (samePolicy(before, policy)) continue;
      changed = true;
      this.#queue.push({ kind: 'policy', application, policy });
    }
    return changed;
  }

  #takePower(now: Instant, message: lldp.Message): void {
    const med = lldp.find(message, 'medPower');
    if (med !== undefined && med.type === PSE) this.#reportPower('med', med.tenths);
    const classification = lldp.find(message, 'powerViaMdi')?.classification;
    if (classification === undefined || classification === null || (classification.type & 1) !== PSE) return;
    this.#reportPower('802.3', classification.allocated);
    // 802.3at 33.7: the powered device mirrors what it was allocated, at once.
    if (this.#identity.allocatedTenths !== classification.allocated) {
      this.#change(now, { allocatedTenths: classification.allocated });
    }
  }

  #reportPower(via: 'med' | '802.3', tenths: number): void {
    const availableMilliwatts = tenths * 100;
    if (this.#milliwatts[via] === availableMilliwatts) return;
    this.#milliwatts[via] = availableMilliwatts;
    this.#queue.push({ kind: 'power', availableMilliwatts, via });
  }

  /** What the phone announces as its own policies; null while it has none. */
  #ownPolicies(vlan: number | null, priority: number, dscp: number): LldpIdentity['policies'] {
    const heard = this.#policies[lldp.APPLICATION.voice] ?? null;
    if (vlan === null && heard === null) return null;
    const signaling = this.#policies[lldp.APPLICATION.voiceSignaling] ?? null;
    return {
      vlan,
      priority,
      dscp,
      signalingPriority: signaling?.priority ?? null,
      signalingDscp: signaling?.dscp ?? null,
    };
  }

  #forget(): void {
    if (this.#neighbor !== null) {
      this.#queue.push({ kind: 'expired', device: this.#neighbor.device, port: this.#neighbor.port });
    }
    this.#neighbor = null;
    this.#expiresAt = NEVER;
  }
}

const PSE = 0;

function octetsOf(message: lldp.Message): Uint8Array {
  const octets = new Uint8Array(lldp.lengthOf(message));
  lldp.emit(message, octets);
  return octets;
}

/** Another telephone on the same segment, heard through a hub or a bridge that passes LLDP on. */
function isTelephone(message: lldp.Message): boolean {
  const enabled = lldp.find(message, 'systemCapabilities')?.enabled ?? 0;
  return (
    (enabled & lldp.CAPABILITY.telephone) !== 0 ||
    lldp.find(message, 'medCapabilities')?.deviceType === lldp.MED_CLASS.endpoint3
  );
}

function neighborOf(message: lldp.Message): LldpNeighbor {
  const policy = lldp.policyOf(message, lldp.APPLICATION.voice);
  const isTagged = policy?.tagged === true && !policy.unknown;
  return {
    device: lldp.find(message, 'systemName')?.text || lldp.identifierText(message.chassisId),
    port: lldp.identifierText(message.portId),
    chassisId: message.chassisId,
    portId: message.portId,
    description: lldp.find(message, 'systemDescription')?.text ?? null,
    address: lldp.managementIpv4(message),
    nativeVlan: lldp.find(message, 'portVlanId')?.vlan ?? null,
    voiceVlan: isTagged ? policy.vlan : null,
    med: lldp.find(message, 'medCapabilities') !== undefined,
  };
}

function equal(a: LldpNeighbor, b: LldpNeighbor): boolean {
  return (
    a.device === b.device &&
    a.port === b.port &&
    a.description === b.description &&
    a.address === b.address &&
    a.nativeVlan === b.nativeVlan &&
    a.voiceVlan === b.voiceVlan &&
    a.med === b.med
  );
}

function samePolicy(a: lldp.Policy | null, b: lldp.Policy | null): boolean {
  if (a === null || b === null) return a === b;
  return a.tagged === b.tagged && a.vlan === b.vlan && a.priority === b.priority && a.dscp === b.dscp;
}
