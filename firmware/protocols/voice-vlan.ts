/**
 * Which VLAN the phone speaks on. Listens to what CDP and LLDP-MED have learned and decides once, as early as nothing that is still to
 * come could change the answer; then again when the network changes its mind.
 *
 *     idle ──start──▶ waiting ──all are known, or the wait is over──▶ decided ──another answer──▶ decided
 *
 * The order of CDP and LLDP-MED in enterprise loads is not documented: `vlan.precedence`. With `last` a decision is changed by each *new*
 * word of either; a value that is only repeated changes nothing, so the phone does not swing to and fro as Cisco's multiplatform
 * telephones do when the two differ for good.
 *
 * What counts as an answer:
 *  - CDP: a VoIP VLAN Reply, also one that asks for untagged frames. A switch without that TLV has no voice VLAN, but its LLDP may still
 *    name one (switches of other makers that also speak CDP), so LLDP is waited for.
 *  - LLDP: a network policy for voice. A first frame without MED is no answer, since switches send MED only to those who have shown to speak it;
 *    the LLDP machine says `silent` for a neighbour that is still plain when our fast start is over, and for nobody at all.
 */
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import type { Policy } from '../wire/lldp.ts';
import type { VoiceVlan } from './cdp.ts';

export type VlanSource = 'cdp' | 'lldp-med' | 'admin' | 'none';

/** A VLAN with the marking of voice on it. `vlan` null: no tag; 0: a tag for the priority only. */
export interface VoiceMarking {
  readonly vlan: number | null;
  /** 802.1p of voice; 0 where there is no tag to carry it. */
  readonly priority: number;
  readonly dscp: number;
}

export type VoiceVlanIn =
  /** `adminVlan`: the one set by hand on the phone; null for none. The link is up. */
  | {
      readonly kind: 'start';
      readonly adminVlan: number | null;
      readonly cdpExpected: boolean;
      readonly lldpExpected: boolean;
    }
  | { readonly kind: 'cdp'; readonly vlan: VoiceVlan }
  /** The network policy for voice; null: there is one no more. */
  | { readonly kind: 'lldp'; readonly policy: Policy | null }
  | { readonly kind: 'silent'; readonly protocol: 'cdp' | 'lldp' }
  /** Down forgets everything; up after that begins again as last started. */
  | { readonly kind: 'link'; readonly up: boolean };

export type VoiceVlanOut =
  /** Once, and again when it changes. `overruled`: the other protocol named something else and lost. */
  | ({
      readonly kind: 'decided';
      readonly source: VlanSource;
      readonly overruled?: { readonly source: VlanSource; readonly vlan: number | null };
    } & VoiceMarking)
  /** The other protocol named something else after the decision, and lost. */
  | { readonly kind: 'overruled'; readonly source: VlanSource; readonly vlan: number | null };

type Start = Extract<VoiceVlanIn, { kind: 'start' }>;
type Decided = Extract<VoiceVlanOut, { kind: 'decided' }>;

/** Pending: may still come. Nothing: known to name no VLAN. */
type Answer = 'pending' | 'nothing' | VoiceMarking;

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'waiting'; readonly until: Instant }
  | { readonly name: 'decided'; readonly decision: Decided };

const LEGAL: Readonly<Record<State['name'], readonly State['name'][]>> = {
  idle: ['waiting', 'idle'],
  waiting: ['waiting', 'decided', 'idle'],
  decided: ['decided', 'waiting', 'idle'],
};

/** Audio as telephones mark it where no policy says otherwise: 802.1p 5, expedited forwarding. */
const VOICE_PRIORITY = 5;
const VOICE_DSCP = 46;

const MAX_VLAN = 4094;

export class VoiceVlanMachine implements Machine<VoiceVlanIn, VoiceVlanOut> {
  readonly #tunables: TunableValues;
  #state: State = { name: 'idle' };
  #queue: VoiceVlanOut[] = [];
  #start: Start | null = null;
  #cdp: Answer = 'pending';
  #lldp: Answer = 'pending';
  /** Who spoke last, for that precedence. */
  #last: 'cdp' | 'lldp' = 'cdp';

  constructor(tunables: TunableValues) {
    this.#tunables = tunables;
  }

  process(now: Instant, input: VoiceVlanIn): void {
    switch (input.kind) {
      case 'start':
        this.#start = input;
        this.#begin(now);
        return;
      case 'link':
        if (!input.up) this.#to({ name: 'idle' });
        else if (this.#state.name === 'idle' && this.#start !== null) this.#begin(now);
        return;
      case 'cdp':
        this.#answer('cdp', markingOfCdp(input.vlan));
        break;
      case 'lldp':
        this.#answer('lldp', input.policy === null ? 'nothing' : markingOfPolicy(input.policy));
        break;
      case 'silent':
        // Silence after an answer is only the neighbour ageing out: the VLAN stays until another one is named.
        if (input.protocol === 'cdp' && this.#cdp === 'pending') this.#cdp = 'nothing';
        if (input.protocol === 'lldp' && this.#lldp === 'pending') this.#lldp = 'nothing';
    }
    this.#review();
  }

  dispatch(now: Instant, emit: (out: VoiceVlanOut) => void): void {
    if (this.#state.name === 'waiting' && now >= this.#state.until) {
      if (this.#cdp === 'pending') this.#cdp = 'nothing';
      if (this.#lldp === 'pending') this.#lldp = 'nothing';
      this.#review();
    }
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    for (const out of queue) emit(out);
  }

  pollAt(): Instant {
    if (this.#queue.length > 0) return 0;
    return this.#state.name === 'waiting' ? this.#state.until : NEVER;
  }

  #to(next: State): void {
    if (!LEGAL[this.#state.name].includes(next.name))
      throw new Error(`voice VLAN: ${this.#state.name} to ${next.name}`);
    this.#state = next;
  }

  #begin(now: Instant): void {
    this.#cdp = this.#start?.cdpExpected ? 'pending' : 'nothing';
    this.#lldp = this.#start?.lldpExpected ? 'pending' : 'nothing';
    this.#queue = [];
    this.#to({ name: 'waiting', until: now + this.#tunables['vlan.totalWait'] * SECOND });
    this.#review();
  }

  #answer(who: 'cdp' | 'lldp', answer: Answer): void {
    const before = who === 'cdp' ? this.#cdp : this.#lldp;
    // No document says what a phone does when the switch drops the voice VLAN in use.
    if (answer === 'nothing' && isNamed(before) && this.#tunables['vlan.whenDropped'] === 'keep') return;
    if (who === 'cdp') this.#cdp = answer;
    else this.#lldp = answer;
    if (isNamed(answer)) this.#last = who;
  }

  #review(): void {
    if (this.#state.name === 'idle') return;
    const next = this.#choose();
    if (next === null) return;
    const before = this.#state.name === 'decided' ? this.#state.decision : null;
    if (before === null || !sameMarking(before, next) || before.source !== next.source) {
      this.#queue.push(next);
    } else if (next.overruled !== undefined && next.overruled.vlan !== before.overruled?.vlan) {
      this.#queue.push({ kind: 'overruled', ...next.overruled });
    }
    this.#to({ name: 'decided', decision: next });
  }

  /** Null while the answer that would win may still come. */
  #choose(): Decided | null {
    const precedence = this.#tunables['vlan.precedence'];
    const cdpFirst = precedence === 'last' ? this.#last === 'cdp' : precedence === 'cdp';
    const [first, second] = cdpFirst ? [this.#cdp, this.#lldp] : [this.#lldp, this.#cdp];
    const [firstSource, secondSource]: readonly VlanSource[] = cdpFirst ? ['cdp', 'lldp-med'] : ['lldp-med', 'cdp'];
    if (isNamed(first)) {
      const lost = isNamed(second) && second.vlan !== first.vlan ? second : null;
      const decided: Decided = { kind: 'decided', source: firstSource!, ...first };
      return lost === null ? decided : { overruled: { source: secondSource!, vlan: lost.vlan }, ...decided };
    }
    if (first === 'pending' && this.#state.name === 'waiting') return null;
    if (isNamed(second)) return { kind: 'decided', source: secondSource!, ...second };
    if (second === 'pending' && this.#state.name === 'waiting') return null;
    // Nobody named one. The administrator's VLAN counts only now (8831 guide).
    const adminVlan = this.#start?.adminVlan ?? null;
    return { kind: 'decided', source: adminVlan === null ? 'none' : 'admin', ...marking(adminVlan) };
  }
}

function isNamed(answer: Answer): answer is VoiceMarking {
  return typeof answer === 'object';
}

function marking(vlan: number | null): VoiceMarking {
  return { vlan, priority: vlan === null ? 0 : VOICE_PRIORITY, dscp: VOICE_DSCP };
}

function markingOfCdp(vlan: VoiceVlan): Answer {
  if (vlan === 'none') return 'nothing';
  return marking(vlan === 'untagged' ? null : vlan);
}

/** TIA-1057 10.2.3: without the tagged flag VLAN and priority mean nothing; VLAN 0 carries the priority only; 4095 is reserved. */
function markingOfPolicy(policy: Policy): Answer {
  if (policy.unknown || policy.vlan > MAX_VLAN) return 'nothing';
  return policy.tagged
    ? { vlan: policy.vlan, priority: policy.priority, dscp: policy.dscp }
    : { vlan: null, priority: 0, dscp: policy.dscp };
}

function sameMarking(a: VoiceMarking, b: VoiceMarking): boolean {
  return a.vlan === b.vlan && a.priority === b.priority && a.dscp === b.dscp;
}
