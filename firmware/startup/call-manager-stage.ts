import type { ResetReason } from '../../hal/power.ts';
import { earlier, type Instant, MINUTE, NEVER, SECOND } from '../../hal/timer.ts';
import { dateText, millisecondsOf } from '../phone/date-text.ts';
import { zoneOffset } from '../phone/time-zone.ts';
import { recordsFor } from '../phone/trust/trust-list.ts';
import type { TrustStore } from '../phone/trust/trust-store.ts';
import {
  type LostWhy,
  outOfServiceReason,
  type PhoneDisplay,
  type RegistrationClientOut,
} from '../protocols/registration-client.ts';
import type { OutOfServiceReason } from '../wire/sccp/alarm.ts';
import type { CallManagerMember } from './configuration-memory.ts';
import type { NameAnswer } from './name-resolver.ts';
import type { PhoneContext } from './phone-context.ts';
import { Registration, type RegistrationOut, type SecureOpening } from './registration.ts';
import type { SecureConnections } from './secure-connection.ts';
import type { Stage, StageOutput } from './stage.ts';
import type { TvsConnection } from './tvs-connection.ts';

/** "Up to five": what CUCM writes into a configuration file. */
const MAX_MEMBERS = 5;

/** Waits that several phones begin together are spread by this share either way (sccp 3.2). */
const JITTER = 0.2;

/** Where TLS is when a configuration that an older load saved does not say. */
const DEFAULT_SECURE_PORTS = Object.freeze({ SCCP: 2443, SIP: 5061 });

/** What tells whether call managers are spoken to over TLS, and with whom. */
export interface CallManagerSecurity {
  readonly store: TrustStore;
  readonly connections: SecureConnections;
  readonly tvs: TvsConnection;
}

type Registered = Extract<RegistrationClientOut, { kind: 'registered' }>;

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'resolving'; readonly index: number; readonly question: number }
  | { readonly kind: 'registering'; readonly index: number; readonly registration: Registration; accepted: boolean }
  | { readonly kind: 'registered'; readonly index: number; readonly registration: Registration }
  /** Unregistering on the call manager's or the operator's wish; `then` follows when it is over. */
  | {
      readonly kind: 'leaving';
      readonly index: number;
      readonly registration: Registration;
      readonly then: 'reset' | 'restart' | 'idle';
    };

/** The first Alarm after a boot, by why the phone was reset. */
const ALARM_OF_RESET: Readonly<Record<ResetReason, OutOfServiceReason>> = {
  'power-on': 'initialized',
  reset: 'reset',
  restart: 'restart',
  keypad: 'keypad',
  'load-update': 'reset',
  'factory-reset': 'initialized',
  fault: 'abort',
  watchdog: 'abort',
  're-ip': 're-ip',
  recovery: 'initialized',
};

/**
 * Step 9: the call managers of the configuration in priority order, and the registration with the first that takes the phone. A node that was lost is
 * asked last in the next round.
 */
export class CallManagerStage implements Stage {
  readonly name = 'call-manager';
  readonly screenText = 'Registering';
  readonly #phone: PhoneContext;
  readonly #security: CallManagerSecurity;
  /** Whether this round speaks TLS. */
  #isSecure = false;
  /** Why TLS to the node that is being asked came to nothing. */
  #secureFailure: string | null = null;
  #state: State = { kind: 'idle' };
  #outputs: StageOutput[] = [];
  #alarm: OutOfServiceReason;
  #unknownId = 0;
  /** Member to begin the next round with. */
  #first = 0;
  /** Members still to be asked in this round. */
  #left = 0;
  /** How long the members of this round want to be left alone. */
  #waitSeconds = 0;
  /** Fruitless rounds since the last registration. */
  #rounds = 0;
  #display: PhoneDisplay | null = null;
  #accepted: Registered | null = null;
  /** Local time minus wall clock, milliseconds; null until the call manager told the time. */
  #zoneOffset: number | null = null;
  #clockAt: Instant = NEVER;
  #whenIdle: ((now: Instant) => void) | null = null;

  constructor(phone: PhoneContext, security: CallManagerSecurity) {
    this.#phone = phone;
    this.#security = security;
    this.#alarm = ALARM_OF_RESET[phone.boot.resetReason];
  }

  enter(now: Instant): void {
    if (this.#state.kind !== 'idle') throw new Error(`call manager stage entered while ${this.#state.kind}`);
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#outputs.push({ kind: 'failed', reason: refusal, retry: { at: NEVER } });
      return;
    }
    this.#isSecure = this.#wantsTls();
    this.#left = this.#members().length;
    if (this.#first >= this.#left) this.#first = 0;
    this.#try(now, this.#first);
  }

  undo(now: Instant): void {
    const state = this.#state;
    if (state.kind === 'resolving') this.#phone.names.cancel(now, state.question);
    if (state.kind === 'registering' || state.kind === 'registered' || state.kind === 'leaving') {
      state.registration.abort(now);
      if (state.kind === 'registered') this.#lostEvent(state.index, 'address or link lost');
      this.#alarm = 'address-lost';
    }
    this.#outputs = [];
    this.#toIdle(now);
  }

  /** Unregisters, then calls `done`; at once when there is nothing to leave. */
  leave(now: Instant, done: (now: Instant) => void): void {
    this.#whenIdle = done;
    const state = this.#state;
    if (state.kind === 'registered') this.#unregister(now, state, 'idle');
    else if (state.kind !== 'leaving') {
      this.undo(now);
    }
  }

  dispatch(now: Instant, emit: (output: StageOutput) => void): void {
    const state = this.#state;
    if (state.kind === 'registering' || state.kind === 'registered' || state.kind === 'leaving') {
      state.registration.dispatch(now, (out) => this.#obey(now, state.registration, out));
    }
    if (now >= this.#clockAt) this.#showHome(now);
    const outputs = this.#outputs;
    if (outputs.length === 0) return;
    this.#outputs = [];
    for (const output of outputs) emit(output);
  }

  pollAt(): Instant {
    if (this.#outputs.length > 0) return 0;
    const state = this.#state;
    const registration = 'registration' in state ? state.registration.pollAt() : NEVER;
    return earlier(registration, this.#clockAt);
  }

  #members(): readonly CallManagerMember[] {
    return this.#phone.facts.configuration!.callManagers.slice(0, MAX_MEMBERS);
  }

  /** Why this phone does not even try; null when it may. */
  #refusal(): string | null {
    const { hal, boot, facts, status } = this.#phone;
    const { protocol } = facts.configuration!;
    if (boot.protocol !== undefined && boot.protocol !== protocol.toLowerCase()) {
      status.report('Version error');
      return 'protocol.not-supported';
    }
    if (this.#members().length === 0) {
      status.report('No CUCM in the configuration');
      return 'config.no-callmanager';
    }
    if (!facts.ownConfiguration && hal.tunables['callmanager.autoRegister'] === 'refused') {
      status.report('Auto-registration is not allowed');
      return 'autoregister.refused';
    }
    return null;
  }

  #try(now: Instant, index: number): void {
    const { host } = this.#members()[index]!;
    const question = this.#phone.names.resolve(now, host, (at, answer) => this.#resolved(at, index, answer));
    this.#state = { kind: 'resolving', index, question };
  }

  #resolved(now: Instant, index: number, answer: NameAnswer): void {
    const member = this.#members()[index]!;
    if (!answer.ok) {
      this.#phone.status.report(answer.why === 'timeout' ? 'DNS timeout' : 'DNS unknown host');
      this.#connectEvent(member, 'failed', `dns.${answer.why}`);
      this.#next(now, index);
      return;
    }
    this.#phone.screen.starting(this.screenText);
    this.#secureFailure = null;
    const secure = this.#isSecure ? this.#opening(member) : null;
    const registration = new Registration(this.#phone, now, answer.addresses[0]!, member, secure);
    this.#state = { kind: 'registering', index, registration, accepted: false };
  }

  #obey(now: Instant, registration: Registration, out: RegistrationOut): void {
    const state = this.#state;
    if (!('registration' in state) || state.registration !== registration) return;
    const member = this.#members()[state.index]!;
    switch (out.kind) {
      case 'connected':
        this.#connectEvent(member, 'connected');
        this.#register(now, registration);
        return;
      case 'registered':
        this.#registered(now, state.index, registration, out);
        return;
      case 'rejected':
        this.#rejected(now, state.index, out.text, out.waitSeconds);
        return;
      case 'lost':
        this.#waitSeconds = Math.max(this.#waitSeconds, out.waitSeconds ?? 0);
        this.#lost(now, state, out.why, out.unknownId ?? 0);
        return;
      case 'unregistered':
        this.#hasLeft(now, state);
        return;
      case 'unregister-refused':
        this.#state = { kind: 'registered', index: state.index, registration };
        return;
      case 'reset':
        this.#resetRequested(now, out.type);
        return;
      case 'display':
        this.#display = out.display;
        this.#showHome(now);
        return;
      case 'time':
        this.#setClock(now, out.systemTime, out.local);
        return;
      case 'keepalive-late':
        this.#phone.hal.trace.event('keepalive.late', { by: out.by / SECOND });
        return;
      case 'token':
      case 'message':
        return;
    }
  }

  #register(now: Instant, registration: Registration): void {
    const { loadRejected } = this.#phone.facts;
    const alarm = { reason: loadRejected ? ('load-rejected' as const) : this.#alarm, unknownId: this.#unknownId };
    const versionStamp = this.#phone.facts.configuration!.versionStamp;
    registration.process(now, { kind: 'register', alarm, versionStamp });
  }

  #registered(now: Instant, index: number, registration: Registration, accepted: Registered): void {
    const { hal, boot } = this.#phone;
    const member = this.#members()[index]!;
    this.#state = { kind: 'registered', index, registration };
    this.#accepted = accepted;
    this.#rounds = 0;
    this.#first = 0;
    // The load has proved itself: a trial boot ends here, and the security counter may rise.
    boot.services.confirm();
    hal.trace.event('registration.accepted', {
      host: member.host,
      port: this.#portOf(member),
      protocol: this.#phone.facts.configuration!.sip === undefined ? 'sccp' : 'sip',
      transport: this.#transport(),
      lines: accepted.lines.map((line) => line.number),
      elapsed: (now - hal.power.onSince) / SECOND,
      keepaliveSeconds: accepted.keepaliveSeconds,
    });
    this.#outputs.push({ kind: 'done' });
    this.#showHome(now);
  }

  #rejected(now: Instant, index: number, text: string, waitSeconds?: number): void {
    const { hal, status, screen } = this.#phone;
    status.report(`Registration Rejected: ${text}`);
    if (this.#phone.facts.ownConfiguration || hal.board.model.autoRegistration.afterReject === 'text')
      screen.starting(`Registration Rejected: ${text}`);
    else screen.blank();
    hal.trace.event('registration.rejected', { host: this.#members()[index]!.host, reason: text });
    this.#alarm = 'rejected';
    this.#first = (index + 1) % this.#members().length;
    const at = now + this.#spread((waitSeconds ?? hal.tunables['sccp.rejectWait']) * SECOND);
    this.#outputs.push({ kind: 'failed', reason: 'register.rejected', retry: { at } });
    this.#toIdle(now);
  }

  #lost(
    now: Instant,
    state: Extract<State, { index: number; registration: Registration }>,
    why: LostWhy,
    id: number,
  ): void {
    const { hal, status } = this.#phone;
    const member = this.#members()[state.index]!;
    state.registration.abort(now);
    if (state.kind === 'leaving') {
      this.#hasLeft(now, state);
      return;
    }
    this.#alarm = outOfServiceReason(why);
    this.#unknownId = id;
    if (state.kind === 'registered') {
      this.#lostEvent(state.index, why);
      status.report('Phone not registered');
      this.#first = (state.index + 1) % this.#members().length;
      this.#outputs.push({ kind: 'lost', reason: `registration.${why}` });
      this.#toIdle(now);
      return;
    }
    if (!state.accepted) this.#connectEvent(member, 'failed', this.#secureFailure ?? why);
    hal.trace.debug(`${member.host} lost while registering: ${why}`);
    this.#next(now, state.index);
  }

  /** The next member of this round, or the end of it. */
  #next(now: Instant, index: number): void {
    this.#left--;
    const members = this.#members();
    if (this.#left > 0) {
      this.#try(now, (index + 1) % members.length);
      return;
    }
    const { hal, screen, status } = this.#phone;
    const wait = hal.tunables['callmanager.roundWait'] * 2 ** Math.min(this.#rounds, 10);
    const capped = Math.max(Math.min(wait, hal.tunables['callmanager.roundWaitMax']), this.#waitSeconds) * SECOND;
    this.#waitSeconds = 0;
    this.#rounds++;
    status.report('Phone not registered');
    screen.starting('Phone not registered');
    this.#first = 0;
    this.#outputs.push({
      kind: 'failed',
      reason: 'callmanager.unreachable',
      retry: { at: now + this.#spread(capped) },
    });
    this.#toIdle(now);
  }

  #resetRequested(now: Instant, kind: 'reset' | 'restart' | 'apply-config'): void {
    const state = this.#state;
    if (state.kind !== 'registered' && state.kind !== 'registering') return;
    const { hal, status } = this.#phone;
    hal.trace.event('reset.requested', { by: this.#members()[state.index]!.host, kind });
    status.report('Restart requested by Cisco Unified Communications Manager');
    // A changed configuration is applied by a restart, which is right for every change, if not the gentlest for each.
    this.#unregister(now, state, kind === 'reset' ? 'reset' : 'restart');
  }

  #unregister(
    now: Instant,
    state: { readonly index: number; readonly registration: Registration },
    then: 'reset' | 'restart' | 'idle',
  ): void {
    this.#state = { kind: 'leaving', index: state.index, registration: state.registration, then };
    state.registration.process(now, { kind: 'unregister' });
  }

  /** The registration is over on our own wish. */
  #hasLeft(now: Instant, state: State): void {
    if (state.kind !== 'leaving') return;
    this.#lostEvent(state.index, state.then === 'idle' ? 'left' : state.then);
    this.#alarm = state.then === 'reset' ? 'reset' : 'restart';
    if (state.then === 'reset') this.#phone.hal.power.reset('reset');
    if (state.then === 'restart') {
      // Reset-Restart: files and registration again, without rebooting and without DHCP.
      this.#outputs.push({ kind: 'lost', reason: 'restart', backTo: 'ctl-file' });
    }
    this.#toIdle(now);
  }

  #toIdle(now: Instant): void {
    this.#state = { kind: 'idle' };
    this.#accepted = null;
    this.#display = null;
    this.#clockAt = NEVER;
    const done = this.#whenIdle;
    this.#whenIdle = null;
    done?.(now);
  }

  #setClock(now: Instant, systemTime: number, local: readonly number[] | null): void {
    const { hal, facts } = this.#phone;
    hal.wallClock.set(systemTime * 1000);
    if (local === null) this.#zoneOffset = zoneOffset(facts.configuration!.timeZone ?? '', systemTime * 1000);
    else {
      const [year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0] = local;
      this.#zoneOffset = millisecondsOf({ year, month, day, hour, minute, second }) - systemTime * 1000;
    }
    this.#showHome(now);
  }

  #showHome(now: Instant): void {
    const accepted = this.#accepted;
    if (accepted === null) return;
    const display = this.#display;
    let clock: string | null = null;
    if (this.#zoneOffset !== null) {
      const local = this.#phone.hal.wallClock.now() + this.#zoneOffset;
      clock = dateText(local, accepted.dateTemplate);
      this.#clockAt = now + MINUTE - (local % 60_000) * 1000;
    }
    this.#phone.screen.home({
      clock,
      lines: accepted.lines,
      prompt: display === null ? '' : display.notify || display.prompt || display.text,
      softKeys: display === null ? [] : display.softKeys.map((key) => key.label),
      messageWaiting: display?.messageWaiting ?? false,
    });
  }

  #spread(duration: number): number {
    const half = Math.floor(duration * JITTER);
    return duration - half + this.#phone.hal.rng.below(2 * half + 1);
  }

  /**
   * "Mode authenticated or encrypted, and the CTL holds a valid certificate of the call manager": TLS, which a SIP profile has to name besides. Without such a
   * list the phone goes by TCP, where a call manager refuses it if its profile is secure.
   */
  #wantsTls(): boolean {
    const { security, sip } = this.#phone.facts.configuration!;
    if (security === 'none' || (sip !== undefined && sip.transport !== 'tls')) return false;
    const { ctl } = this.#security.store.installed();
    return ctl !== null && recordsFor(ctl, 'CCM').length > 0;
  }

  #opening(member: CallManagerMember): SecureOpening {
    return (now, address, sink, options) => {
      const server = {
        remote: { address, port: this.#portOf(member) },
        host: member.host,
        role: 'CCM' as const,
        verify: this.#security.tvs.verify.bind(this.#security.tvs),
        encrypted: this.#phone.facts.configuration!.security === 'encrypted',
        failed: (reason: string) => {
          this.#secureFailure = reason;
        },
      };
      return this.#security.connections.connect(now, server, sink, options);
    };
  }

  #portOf({ port, securePort }: CallManagerMember): number {
    const { protocol } = this.#phone.facts.configuration!;
    return this.#isSecure ? (securePort ?? DEFAULT_SECURE_PORTS[protocol]) : port;
  }

  #transport(): 'tcp' | 'tls' | 'udp' {
    if (this.#isSecure) return 'tls';
    return this.#phone.facts.configuration!.sip?.transport === 'udp' ? 'udp' : 'tcp';
  }

  #connectEvent(member: CallManagerMember, outcome: 'connected' | 'failed', reason?: string): void {
    const { host, priority } = member;
    const fields = { host, port: this.#portOf(member), transport: this.#transport(), priority, outcome };
    this.#phone.hal.trace.event('callmanager.connect', reason === undefined ? fields : { ...fields, reason });
  }

  #lostEvent(index: number, reason: string): void {
    this.#phone.hal.trace.event('registration.lost', { host: this.#members()[index]!.host, reason });
  }
}
