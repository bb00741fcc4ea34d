import type { Key } from '../../hal/panel.ts';
import { earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { StageName } from '../../hal/trace.ts';
import { outOfServiceReason, type RegistrationClientOut } from '../protocols/registration-client.ts';
import type { OutOfServiceReason } from '../wire/sccp/alarm.ts';
import { CallControl } from './call-control.ts';
import { CallManagerList } from './call-manager-list.ts';
import { CallManagerPlaces, type CallManagerSecurity } from './call-manager-places.ts';
import { ConfigurationCheck, type ConfigurationVerdict } from './configuration-check.ts';
import { alarmOfReset, outOfServiceXml } from './out-of-service.ts';
import type { PhoneContext } from './phone-context.ts';
import { RegisteredScreen } from './registered-screen.ts';
import { Registration, type RegistrationOut } from './registration.ts';
import { RegistrationEvents } from './registration-events.ts';
import type { Stage, StageOutput } from './stage.ts';
import { StandbyPair } from './standby-pair.ts';

export interface CallManagerOptions extends CallManagerSecurity {
  /** The step that reads configurations, for a call manager's wish to have a changed one applied. */
  readonly readConfiguration: (phone: PhoneContext) => Stage;
}

/** Seconds that a better call manager has to be reachable before the phone goes back to it, where an older load saved the configuration (sccp 3.4). */
const DEFAULT_CONNECTION_MONITOR = 120;

type Registered = Extract<RegistrationClientOut, { kind: 'registered' }>;

/** What follows when the phone has left a call manager. */
type AfterLeaving = 'reset' | 'restart' | 'changed' | 'idle' | 'failback';

type State =
  | { readonly kind: 'idle' }
  /** `asked`: the connection stands, and the phone has said Register. */
  | { readonly kind: 'contacting'; readonly registration: Registration; asked: boolean }
  | { readonly kind: 'registered'; readonly registration: Registration }
  /** The registration is lost, and a call goes on; `reason` is that of the loss. */
  | { readonly kind: 'preserving'; readonly reason: string }
  /** Unregistering on the call manager's, the operator's, or our own wish. */
  | { readonly kind: 'leaving'; readonly registration: Registration; readonly then: AfterLeaving };

/**
 * Step 9: the call managers of the configuration in priority order, and the registration with the first that takes the phone. While it is registered it keeps a
 * connection to the next one, which it fails over to, and, registered with a lesser one, to a better one, to which it goes back when that has stood for a while and
 * gives leave (`standby.ts`).
 */
export class CallManagerStage implements Stage {
  readonly name = 'call-manager';
  readonly screenText = 'Registering';
  readonly #phone: PhoneContext;
  readonly #readConfiguration: CallManagerOptions['readConfiguration'];
  readonly #places: CallManagerPlaces;
  readonly #list: CallManagerList;
  readonly #face: RegisteredScreen;
  readonly #calls: CallControl;
  readonly #events: RegistrationEvents;
  #state: State = { kind: 'idle' };
  /** None before the first registration. */
  #standbys: StandbyPair | null = null;
  #standbySeconds = 0;
  #outputs: StageOutput[] = [];
  #alarm: OutOfServiceReason;
  #unknownId = 0;
  /** A configuration that the call manager says has changed. */
  #check: ConfigurationCheck | null = null;
  /** Member to which the phone goes back. */
  #returnTo: number | null = null;
  #whenIdle: ((now: Instant) => void) | null = null;

  constructor(phone: PhoneContext, options: CallManagerOptions) {
    this.#phone = phone;
    this.#readConfiguration = options.readConfiguration;
    this.#places = new CallManagerPlaces(phone, options);
    this.#list = new CallManagerList(phone.hal.tunables, phone.hal.rng);
    this.#face = new RegisteredScreen(phone);
    this.#calls = new CallControl(phone);
    this.#events = new RegistrationEvents(phone);
    this.#alarm = alarmOfReset(phone.boot.resetReason);
  }

  enter(now: Instant): void {
    if (this.#state.kind !== 'idle') throw new Error(`call manager stage entered while ${this.#state.kind}`);
    if (this.#places.choose()) this.#closeStandbys(now);
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.#outputs.push({ kind: 'failed', reason: refusal, retry: { at: NEVER } });
      return;
    }
    const standing = this.#returnTo ?? this.#standbys?.openTo ?? null;
    this.#returnTo = null;
    this.#list.begin(this.#places.count, standing);
    this.#contactNext(now);
  }

  /** Another VLAN, or the link that was lost, make it a re-IP; what else takes the address away does not. */
  undo(now: Instant, back?: StageName): void {
    const state = this.#state;
    if ('registration' in state) {
      state.registration.abort(now);
      if (state.kind === 'registered') this.#events.lost(state.registration, 'address or link lost');
      this.#alarm = back === 'voice-vlan' ? 're-ip' : 'address-lost';
    }
    this.#standbys?.abort(now);
    this.#standbys = null;
    this.#events.forgetOutage();
    this.#returnTo = null;
    this.#outputs = [];
    this.#toIdle(now);
  }

  /** Unregisters, then calls `done`; at once when there is nothing to leave. */
  leave(now: Instant, done: (now: Instant) => void): void {
    this.#whenIdle = done;
    const state = this.#state;
    if (state.kind === 'registered') this.#unregister(now, state.registration, 'idle');
    else if (state.kind !== 'leaving') {
      this.undo(now);
    }
  }

  /** A key that is about calls. */
  press(now: Instant, key: Key): void {
    if (this.#state.kind === 'registered') this.#state.registration.process(now, { kind: 'key', key });
    else if (this.#state.kind === 'preserving') this.#calls.pressPreserved(now, key);
  }

  dispatch(now: Instant, emit: (output: StageOutput) => void): void {
    const state = this.#state;
    if ('registration' in state) {
      state.registration.dispatch(now, (out) => this.#obey(now, state.registration, out));
    }
    this.#standbys?.dispatch(now);
    this.#check?.dispatch(now);
    this.#face.dispatch(now);
    if (this.#calls.pollAt() <= now) this.#calls.dispatch(now, (key) => this.press(now, key));
    const outputs = this.#outputs;
    if (outputs.length === 0) return;
    this.#outputs = [];
    for (const output of outputs) emit(output);
  }

  pollAt(): Instant {
    if (this.#outputs.length > 0) return 0;
    const state = this.#state;
    let at = earlier(this.#calls.pollAt(), this.#face.pollAt());
    if ('registration' in state) at = earlier(at, state.registration.pollAt());
    if (this.#standbys !== null) at = earlier(at, this.#standbys.pollAt());
    return this.#check === null ? at : earlier(at, this.#check.pollAt());
  }

  /** Why this phone does not even try; null when it may. */
  #refusal(): string | null {
    const { hal, boot, facts, status } = this.#phone;
    const { protocol } = facts.configuration!;
    if (boot.protocol !== undefined && boot.protocol !== protocol.toLowerCase()) {
      status.report('Version error');
      return 'protocol.not-supported';
    }
    if (this.#places.count === 0) {
      status.report('No CUCM in the configuration');
      return 'config.no-callmanager';
    }
    if (!facts.ownConfiguration && hal.tunables['callmanager.autoRegister'] === 'refused') {
      status.report('Auto-registration is not allowed');
      return 'autoregister.refused';
    }
    return null;
  }

  #closeStandbys(now: Instant): void {
    this.#standbys?.close(now);
    this.#standbys = null;
  }

  /** Goes to the next member of this round over the connection there is to it, or a new one; the round may be over. */
  #contactNext(now: Instant): void {
    const index = this.#list.next();
    if (index === null) {
      this.#roundInVain(now);
      return;
    }
    this.#phone.screen.starting(this.screenText);
    const standing = this.#standbys?.take(now, index) ?? null;
    const registration = standing ?? new Registration(this.#phone, now, this.#places.place(index), this.#calls.media);
    this.#state = { kind: 'contacting', registration, asked: false };
    if (standing !== null) this.#ask(now, standing);
  }

  #obey(now: Instant, registration: Registration, out: RegistrationOut): void {
    const state = this.#state;
    if (!('registration' in state) || state.registration !== registration) return;
    switch (out.kind) {
      case 'connected':
        this.#ask(now, registration);
        return;
      case 'failed':
        this.#events.connect(registration, 'failed', out.reason);
        this.#contactNext(now);
        return;
      case 'registered':
        this.#registered(now, registration, out);
        return;
      case 'rejected':
        this.#rejected(now, registration, out.text, out.waitSeconds);
        return;
      case 'lost':
        this.#lost(now, state, out);
        return;
      case 'unregistered':
        this.#hasLeft(now);
        return;
      case 'unregister-refused':
        this.#staysAfterAll(now, registration);
        return;
      case 'reset':
        this.#calls.whenIdle(now, (at) => this.#resetRequested(at, registration, out.type));
        return;
      case 'display':
        this.#face.display(now, out.display);
        return;
      case 'time':
        this.#face.setClock(now, out);
        return;
      case 'keepalive-late':
        this.#phone.hal.trace.event('keepalive.late', { by: out.by / SECOND });
        return;
      case 'call':
      case 'call-refused':
        this.#calls.hear(now, out);
        return;
      case 'load':
        this.#loadOrdered(now, registration, out.load);
        return;
      case 'token':
        return;
    }
  }

  /** The connection stands: the phone says Register on it. */
  #ask(now: Instant, registration: Registration): void {
    const state = this.#state;
    if (state.kind !== 'contacting') return;
    state.asked = true;
    this.#events.connect(registration, 'connected');
    const { loadRejected, configuration } = this.#phone.facts;
    const reason = loadRejected ? 'load-rejected' : this.#alarm;
    const xml = outOfServiceXml(this.#phone, reason, this.#events.lostConnection);
    const alarm = { reason, unknownId: this.#unknownId, ...(xml === null ? {} : { xml }) } as const;
    registration.process(now, { kind: 'register', alarm, versionStamp: configuration!.versionStamp });
  }

  /** The phone leaves for the load, and comes again with it, or without when it was refused. */
  #loadOrdered(now: Instant, registration: Registration, load: string): void {
    const { hal, facts } = this.#phone;
    const rule = hal.tunables['load.update'] === 'ignore' ? 'ignore' : hal.tunables['sccp.namedLoad'];
    if (rule === 'ignore' || (rule === 'unless-in-file' && facts.configuration!.load !== null)) return;
    if (this.#state.kind !== 'contacting' || facts.orderedLoad?.load === load) return;
    facts.orderedLoad = { load, tried: false };
    registration.close(now);
    this.#list.beginBehind(registration.place.index - 1);
    this.#outputs.push({ kind: 'failed', reason: 'load.ordered', retry: { at: now, from: 'configuration' } });
    this.#toIdle(now);
  }

  #registered(now: Instant, registration: Registration, accepted: Registered): void {
    this.#state = { kind: 'registered', registration };
    this.#list.registered();
    // The load has proved itself: a trial boot ends here, and the security counter may rise.
    this.#phone.boot.services.confirm();
    this.#events.accepted(now, registration, accepted);
    this.#outputs.push({ kind: 'done' });
    this.#face.registered(now, accepted);
    this.#standbySeconds = accepted.standbyKeepaliveSeconds ?? 0;
    this.#watchOthers(now, registration.place.index);
  }

  #watchOthers(now: Instant, index: number): void {
    const { count } = this.#places;
    if (count < 2 || this.#phone.hal.tunables['callmanager.standby'] === 'none') return;
    this.#standbys ??= this.#newStandbys();
    this.#standbys.watch(now, index, count);
  }

  #newStandbys(): StandbyPair {
    const { hal, facts } = this.#phone;
    return new StandbyPair({
      open: (now, index) =>
        new Registration(this.#phone, now, this.#places.place(index), this.#calls.media, this.#standbySeconds),
      retryWait: () => this.#list.spread(hal.tunables['callmanager.standbyRetry'] * SECOND),
      told: (registration, outcome, reason) => this.#events.standby(registration, outcome, reason),
      return: {
        stability: (facts.configuration!.connectionMonitorDuration ?? DEFAULT_CONNECTION_MONITOR) * SECOND,
        silenceGrants: hal.tunables['callmanager.tokenSilence'] === 'granted',
        busy: () => this.#calls.busy,
        granted: (now) => this.#goBack(now),
      },
    });
  }

  /** The better call manager gives leave: the phone leaves its present one, and registers there when it has. */
  #goBack(now: Instant): void {
    const state = this.#state;
    if (state.kind !== 'registered') {
      this.#standbys?.askAgain(now);
      return;
    }
    this.#returnTo = this.#standbys!.betterOpenTo;
    this.#unregister(now, state.registration, 'failback');
  }

  #rejected(now: Instant, registration: Registration, text: string, waitSeconds?: number): void {
    const { hal, status } = this.#phone;
    const { member, index } = registration.place;
    registration.close(now);
    status.report(`Registration Rejected: ${text}`);
    this.#showFailure(`Registration Rejected: ${text}`);
    hal.trace.event('registration.rejected', { host: member.host, reason: text });
    this.#alarm = 'rejected';
    this.#list.beginBehind(index);
    const at = now + this.#list.spread((waitSeconds ?? hal.tunables['sccp.rejectWait']) * SECOND);
    this.#outputs.push({ kind: 'failed', reason: 'register.rejected', retry: { at } });
    this.#toIdle(now);
  }

  #lost(
    now: Instant,
    state: Extract<State, { registration: Registration }>,
    { why, unknownId = 0, waitSeconds = 0 }: Extract<RegistrationOut, { kind: 'lost' }>,
  ): void {
    const { hal, status } = this.#phone;
    const { registration } = state;
    const { member, index } = registration.place;
    registration.abort(now);
    this.#list.wantsWait(waitSeconds);
    if (state.kind === 'leaving') {
      this.#hasLeft(now);
      return;
    }
    this.#alarm = outOfServiceReason(why);
    this.#unknownId = unknownId;
    if (state.kind === 'contacting') {
      hal.trace.event('registration.failed', { host: member.host, reason: why });
      this.#contactNext(now);
      return;
    }
    this.#events.lost(registration, why);
    status.report('Phone not registered');
    this.#events.beginOutage(now, 'failover', registration, why);
    this.#list.beginBehind(index);
    this.#check?.cancel(now);
    this.#check = null;
    this.#state = { kind: 'preserving', reason: `registration.${why}` };
    if (this.#calls.preserve(now, (at) => this.#callsAreOver(at))) this.#face.callManagerDown(now);
    else this.#callsAreOver(now);
  }

  /** Without a call manager, and without a call: the phone goes to the next. */
  #callsAreOver(now: Instant): void {
    const state = this.#state;
    if (state.kind !== 'preserving') return;
    this.#outputs.push({ kind: 'lost', reason: state.reason });
    this.#toIdle(now);
  }

  /** Some models show nothing where the call manager does not know them. */
  #showFailure(text: string): void {
    const { facts, hal, screen } = this.#phone;
    if (facts.ownConfiguration || hal.board.model.autoRegistration.afterReject === 'text') screen.starting(text);
    else screen.blank();
  }

  #roundInVain(now: Instant): void {
    const at = now + this.#list.endRound();
    this.#phone.status.report('Phone not registered');
    this.#showFailure('Phone not registered');
    this.#outputs.push({ kind: 'failed', reason: 'callmanager.unreachable', retry: { at } });
    this.#toIdle(now);
  }

  #resetRequested(now: Instant, registration: Registration, kind: 'reset' | 'restart' | 'apply-config'): void {
    const state = this.#state;
    if (state.kind !== 'registered' && state.kind !== 'contacting') return;
    this.#phone.hal.trace.event('reset.requested', { by: registration.place.member.host, kind });
    if (kind !== 'apply-config') this.#restart(now, registration, kind);
    else if (state.kind === 'registered') this.#applyConfiguration(now, registration);
    else this.#restart(now, registration, 'changed');
  }

  /** Only what has changed is done: the phone reads its configuration first, and stays registered meanwhile. */
  #applyConfiguration(now: Instant, registration: Registration): void {
    this.#check?.cancel(now);
    this.#check = new ConfigurationCheck(now, this.#phone, this.#readConfiguration, (at, verdict) => {
      this.#check = null;
      this.#calls.whenIdle(at, (idleAt) => this.#applied(idleAt, registration, verdict));
    });
  }

  #applied(now: Instant, registration: Registration, verdict: ConfigurationVerdict): void {
    const state = this.#state;
    if (state.kind !== 'registered' || state.registration !== registration || verdict === 'same') return;
    this.#restart(now, registration, verdict);
  }

  #restart(now: Instant, registration: Registration, how: 'reset' | 'restart' | 'changed'): void {
    this.#phone.status.report('Restart requested by Cisco Unified Communications Manager');
    this.#unregister(now, registration, how);
  }

  #unregister(now: Instant, registration: Registration, then: AfterLeaving): void {
    this.#state = { kind: 'leaving', registration, then };
    registration.process(now, { kind: 'unregister' });
  }

  /** A call is in the way, says the call manager. */
  #staysAfterAll(now: Instant, registration: Registration): void {
    this.#state = { kind: 'registered', registration };
    this.#returnTo = null;
    this.#standbys?.askAgain(now);
  }

  /** The registration is over on our own wish. */
  #hasLeft(now: Instant): void {
    const state = this.#state;
    if (state.kind !== 'leaving') return;
    const { then, registration } = state;
    this.#events.lost(registration, then === 'idle' ? 'left' : then);
    if (then === 'failback') {
      this.#alarm = 'failback';
      this.#events.beginOutage(now, 'failback', registration, 'token');
      this.#outputs.push({ kind: 'lost', reason: 'registration.failback' });
    } else {
      this.#closeStandbys(now);
      this.#alarm = then === 'reset' ? 'reset' : 'restart';
    }
    if (then === 'reset') this.#phone.hal.power.reset('reset');
    // Reset-Restart: files and registration again, without rebooting and without DHCP. What has changed is a matter of the configuration alone.
    if (then === 'restart') this.#outputs.push({ kind: 'lost', reason: 'restart', backTo: 'ctl-file' });
    if (then === 'changed') this.#outputs.push({ kind: 'lost', reason: 'restart', backTo: 'configuration' });
    this.#toIdle(now);
  }

  #toIdle(now: Instant): void {
    this.#state = { kind: 'idle' };
    this.#check?.cancel(now);
    this.#check = null;
    this.#face.clear();
    this.#calls.over(now);
    const done = this.#whenIdle;
    this.#whenIdle = null;
    done?.(now);
  }
}
