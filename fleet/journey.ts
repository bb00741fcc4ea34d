import type { Instant } from '../hal/timer.ts';
import type { EventType, StageName, TraceEvents } from '../hal/trace.ts';

/** `unstarted`: its turn has not come. `dark`: it was plugged in and has no power, or none any more. */
export type JourneyState = 'unstarted' | 'dark' | 'starting' | 'registered' | 'halted';

export interface StageFailure {
  readonly stage: StageName;
  readonly reason: string;
}

/** `tls.unknown-ca`: the phone does not trust the server; `tls.handshake`: they came to no agreement; `tls.version`: the server wants a newer version. */
export type TlsFailure = 'tls.unknown-ca' | 'tls.handshake' | 'tls.version';

function tlsFailureOf({ outcome, reason }: TraceEvents['callmanager.connect']): TlsFailure | null {
  if (outcome !== 'failed' || reason?.startsWith('tls.') !== true) return null;
  return reason === 'tls.version' || reason === 'tls.handshake' ? reason : 'tls.unknown-ca';
}

/** What has ended a registration that the phone did not give up itself. `started-over`: frames show no more than that. */
export type Setback =
  | 'link.down'
  | 'power.off'
  | 'address.lost'
  | 'vlan.changed'
  | 'reset.requested'
  | 'callmanager.lost'
  | 'phone.fault'
  | 'started-over';

/** Reasons of `registration.lost` that say all by themselves; null: the phone has left of its own accord. */
const SETBACK_OF_LOSS: Readonly<Record<string, Setback | null>> = {
  reset: 'reset.requested',
  restart: 'reset.requested',
  changed: 'reset.requested',
  failback: null,
  left: null,
  restarted: 'started-over',
};

/** How far one phone has come, read off its events. */
export class Journey {
  readonly phone: string;
  state: JourneyState = 'unstarted';
  /** The stage it is in, or waits to enter again. */
  stage: StageName | null = null;
  enteredAt: Instant = 0;
  poweredAt: Instant | null = null;
  /** Of the first registration. */
  registeredAt: Instant | null = null;
  /** The last failure that was not overcome: a step that was left well afterwards takes it back. */
  failure: StageFailure | null = null;
  /** What goes with the failure: the call manager's words, a payload's fault. */
  detail: string | null = null;
  linkUp = false;
  /** What stood between the phone and a call manager over TLS, in this round of them. */
  tlsFailure: TlsFailure | null = null;
  faults = 0;
  /** Registrations that it has lost without giving them up. */
  losses = 0;
  /** What ended the last of them; null when there was none. */
  setback: Setback | null = null;
  /** Somebody else uses the address that it keeps. */
  hasDuplicateAddress = false;
  /** Both in this registration. */
  #addressLost = false;
  #resetRequested = false;
  /** Why this program itself stopped the phone. */
  refusal: string | null = null;
  /** Why the program could not go on running it. */
  abandonment: string | null = null;
  /** The load that the call manager orders; null orders none. */
  readonly orderedLoad: string | null;
  /** What the image that runs is called; null before the first boot. */
  load: string | null = null;
  /** Its image has one boot to prove itself. */
  onTrial = false;
  /** Why it has not taken the ordered load, when it said so last. */
  loadRefusal: string | null = null;

  constructor(phone: string, orderedLoad: string | null = null) {
    this.phone = phone;
    this.orderedLoad = orderedLoad;
  }

  /** Registered, and done with the load that was ordered: it runs confirmed, or was refused or reverted. */
  get hasArrived(): boolean {
    return this.state === 'registered' && !this.isUpgrading;
  }

  /** A phone that has not been told of the load yet counts as well. */
  get isUpgrading(): boolean {
    if (this.orderedLoad === null) return false;
    return this.load === this.orderedLoad ? this.onTrial : this.loadRefusal === null;
  }

  /** It is plugged in: power is the switch's business now. */
  begin(): void {
    if (this.state === 'unstarted') this.state = 'dark';
  }

  /** What it lived in is gone, its memory included. With a cause it is not started again. */
  lost(cause: string | null): void {
    this.abandonment = cause;
    this.state = 'unstarted';
    this.stage = null;
    this.failure = null;
    this.detail = null;
    this.linkUp = false;
    this.load = null;
    this.onTrial = false;
    this.loadRefusal = null;
  }

  hear(at: Instant, type: EventType, fields: TraceEvents[EventType]): void {
    switch (type) {
      case 'power.on':
        this.state = 'starting';
        this.poweredAt ??= at;
        return;
      case 'power.off':
        if (this.state === 'registered') this.#setBack('power.off');
        this.state = 'dark';
        return;
      case 'power.reset':
        this.state = 'starting';
        return;
      case 'boot.handoff':
        this.load = (fields as TraceEvents['boot.handoff']).load;
        this.onTrial = (fields as TraceEvents['boot.handoff']).trial;
        return;
      case 'boot.confirmed':
        this.onTrial = false;
        return;
      case 'load.update':
        this.#updated(fields as TraceEvents['load.update']);
        return;
      case 'link.up':
      case 'link.down':
        this.linkUp = type === 'link.up';
        return;
      case 'dhcp.lost':
        this.#addressLost = true;
        return;
      case 'status':
        if ((fields as TraceEvents['status']).message === 'Duplicate IP') this.hasDuplicateAddress = true;
        return;
      case 'stage.enter':
        this.stage = (fields as TraceEvents['stage.enter']).stage;
        this.enteredAt = at;
        this.tlsFailure = null;
        return;
      case 'callmanager.connect':
        this.tlsFailure = tlsFailureOf(fields as TraceEvents['callmanager.connect']) ?? this.tlsFailure;
        return;
      case 'stage.leave':
        this.#left(fields as TraceEvents['stage.leave']);
        return;
      case 'registration.accepted':
        this.registeredAt ??= at;
        this.state = 'registered';
        this.failure = null;
        this.detail = null;
        this.#addressLost = false;
        this.#resetRequested = false;
        return;
      case 'reset.requested':
        // A configuration that is applied need not cost the registration.
        this.#resetRequested = (fields as TraceEvents['reset.requested']).kind !== 'apply-config';
        return;
      case 'registration.lost':
        if (this.state === 'registered') this.#unregistered((fields as TraceEvents['registration.lost']).reason);
        return;
      case 'registration.rejected':
        this.detail = (fields as TraceEvents['registration.rejected']).reason;
        return;
      case 'fault':
        this.#faulted(fields as TraceEvents['fault']);
        return;
      default:
        return;
    }
  }

  #updated({ to, outcome, reason }: TraceEvents['load.update']): void {
    if (to === this.orderedLoad) this.loadRefusal = outcome === 'rejected' ? (reason ?? 'load.rejected') : null;
  }

  #unregistered(reason: string): void {
    this.state = 'starting';
    const setback = this.#setbackOf(reason);
    if (setback !== null) this.#setBack(setback);
  }

  #setbackOf(reason: string): Setback | null {
    if (reason === 'address or link lost') {
      if (!this.linkUp) return 'link.down';
      return this.#addressLost ? 'address.lost' : 'vlan.changed';
    }
    // In frames a phone that was asked to go leaves like any other.
    if (reason === 'left' && this.#resetRequested) return 'reset.requested';
    const setback = SETBACK_OF_LOSS[reason];
    return setback === undefined ? 'callmanager.lost' : setback;
  }

  #setBack(setback: Setback): void {
    this.losses++;
    this.setback = setback;
  }

  #left({ stage, outcome, reason }: TraceEvents['stage.leave']): void {
    // A phone does not leave this step with an address that it has found in use.
    if (stage === 'address') this.hasDuplicateAddress = false;
    if (outcome === 'failed') this.failure = { stage, reason: this.#whyUnreachable(reason) ?? `${stage}.failed` };
    else if (this.failure?.stage === stage) this.failure = null;
  }

  /** A call manager that was reached and not trusted, or that did not trust the phone, says more than that none was reached. */
  #whyUnreachable(reason: string | undefined): string | undefined {
    return reason === 'callmanager.unreachable' ? (this.tlsFailure ?? reason) : reason;
  }

  #faulted({ reason, detail }: TraceEvents['fault']): void {
    this.faults++;
    if (this.state === 'registered') this.#setBack('phone.fault');
    this.detail = detail.split('\n', 1)[0] ?? detail;
    if (reason === 'nothing-to-run') this.state = 'halted';
    else this.failure = { stage: this.stage ?? 'image', reason: `phone.${reason}` };
  }
}
