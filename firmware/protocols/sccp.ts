/**
 * SCCP from the phone's side: one registration on one TCP connection, which the owner opens and closes.
 *
 *     idle --connected--> open --register--> registering --RegisterAck--> dialogue --all answered or waited for--> registered
 *                          |  \-request-token--> token --> open
 *                          any --gone, reject, time-out--> over        registered --unregister--> unregistering --> over
 *
 * KeepAlive runs from `connected` on, registered or not: a standby connection is this machine left in `open`.
 * After `over` the machine is of no more use; the next connection gets a new one.
 */
import type { ModelRow } from '../../hal/board.ts';
import type { Ipv4, Mac } from '../../hal/nic.ts';
import type { Key } from '../../hal/panel.ts';
import type { Rng } from '../../hal/rng.ts';
import { type Duration, earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import { isMalformed } from '../malformed.ts';
import { RESET, UNREGISTER_ACK, UNREGISTER_REASON } from '../wire/sccp/codes.ts';
import { shown } from '../wire/sccp/labels.ts';
import * as sccp from '../wire/sccp/message.ts';
import { FrameStream } from '../wire/sccp/stream.ts';
import type { CallMedia, CallView } from './calls.ts';
import { barredButtons, NONE_BARRED } from './sccp/barred-buttons.ts';
import { SccpCalls } from './sccp/calls.ts';
import { Dialogue, type SccpFeature, type SccpLine } from './sccp/dialogue.ts';
import { type SccpDisplay, Screen } from './sccp/display.ts';
import type { ConnectionGone, LostWhy } from './sccp/loss.ts';
import {
  capabilitiesMessage,
  dialectOf,
  type LastAlarm,
  openingMessages,
  type SccpIdentity,
  tokenMessage,
} from './sccp/offer.ts';
import { SoftKeyTemplate } from './sccp/soft-keys.ts';

export type SccpIn =
  | { readonly kind: 'connected'; readonly ownAddress: Ipv4 }
  | { readonly kind: 'data'; readonly octets: Uint8Array }
  | { readonly kind: 'gone'; readonly why: ConnectionGone }
  | {
      readonly kind: 'register';
      readonly alarm: LastAlarm;
      /** `versionStamp` of the configuration file, empty when it has none. */
      readonly versionStamp: string;
    }
  /** Asks, on a connection that is not registered, whether this node would take the phone (failback). */
  | { readonly kind: 'request-token' }
  | { readonly kind: 'unregister'; readonly reason?: 'unknown' | 'power-save' }
  /** Ignored while the phone is not registered. */
  | { readonly kind: 'key'; readonly key: Key };

export type SccpOut =
  | { readonly kind: 'write'; readonly octets: Uint8Array }
  /** The machine is done with the connection: close it. */
  | { readonly kind: 'close' }
  | {
      readonly kind: 'registered';
      readonly lines: readonly SccpLine[];
      readonly features: readonly SccpFeature[];
      readonly keepaliveSeconds: number;
      readonly standbyKeepaliveSeconds: number;
      /** The protocol version spoken. */
      readonly version: number;
      /** Letters D, M and Y, separators, and an A for the 12-hour clock. */
      readonly dateTemplate: string;
      readonly userName: string;
      readonly serverName: string;
    }
  | { readonly kind: 'rejected'; readonly text: string }
  /** `unknownId` with `invalid-message`. */
  | { readonly kind: 'lost'; readonly why: LostWhy; readonly unknownId?: number }
  | { readonly kind: 'unregistered' }
  /** The server names another load than the one that runs. */
  | { readonly kind: 'load'; readonly load: string }
  /** The server has a call for the phone: stay, ask again later. */
  | { readonly kind: 'unregister-refused' }
  | { readonly kind: 'token'; readonly answer: 'granted' | 'refused' | 'none'; readonly waitSeconds: number }
  /** The server wants a reset. It is the owner who unregisters, when no call is in the way. */
  | { readonly kind: 'reset'; readonly type: 'reset' | 'restart' | 'apply-config' }
  | { readonly kind: 'display'; readonly display: SccpDisplay }
  /** `local` is the broken-down time of the server's zone for this phone, as [year, month, day, hour, minute, second]. */
  | { readonly kind: 'time'; readonly systemTime: number; readonly local: readonly number[] }
  | { readonly kind: 'keepalive-late'; readonly by: Duration }
  | { readonly kind: 'call'; readonly call: CallView }
  | { readonly kind: 'call-refused'; readonly number: string; readonly line: number };

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'open' }
  | { readonly kind: 'token'; readonly giveUpAt: Instant }
  | { readonly kind: 'registering'; readonly giveUpAt: Instant }
  | { readonly kind: 'dialogue'; readonly dialogue: Dialogue; giveUpAt: Instant }
  | { readonly kind: 'registered' }
  | { readonly kind: 'unregistering'; readonly giveUpAt: Instant }
  | { readonly kind: 'over' };

const NEXT: Readonly<Record<State['kind'], readonly State['kind'][]>> = {
  idle: ['open', 'over'],
  open: ['token', 'registering', 'over'],
  token: ['open', 'over'],
  registering: ['dialogue', 'unregistering', 'over'],
  dialogue: ['dialogue', 'registered', 'unregistering', 'over'],
  registered: ['dialogue', 'unregistering', 'over'],
  unregistering: ['registered', 'over'],
  over: [],
};

const IDLE: State = Object.freeze({ kind: 'idle' });
const OPEN: State = Object.freeze({ kind: 'open' });
const REGISTERED: State = Object.freeze({ kind: 'registered' });
const OVER: State = Object.freeze({ kind: 'over' });

/** A keepalive later than this is reported: the phone, or what runs it, has no time. */
const LATE: Duration = SECOND;
/** Octets of the load's name in VersionRes. */
const LOAD_FIELD = 16;
/** Longest keepalive interval believed: a day. */
const MAX_INTERVAL_SECONDS = 86_400;

export interface SccpClientOptions extends SccpIdentity {
  readonly model: ModelRow;
  /** `SEP` and twelve upper-case hexadecimal digits. */
  readonly deviceName: string;
  readonly mac: Mac;
  readonly load: string;
  /** Between keepalives while not registered, as another call manager of the cluster said; otherwise `sccp.standbyKeepalive`. */
  readonly standbySeconds?: number;
  readonly tunables: TunableValues;
  readonly rng: Rng;
  /** Without it the phone makes no sound in its calls. */
  readonly media?: CallMedia;
}

export class SccpClient implements Machine<SccpIn, SccpOut> {
  readonly #options: SccpClientOptions;
  readonly #stream = new FrameStream();
  readonly #screen = new Screen();
  #state: State = IDLE;
  #dialect: sccp.Dialect;
  #ownAddress: Ipv4 = 0;
  #template: SoftKeyTemplate | null = null;
  #out: SccpOut[] = [];
  #screenChanged = false;
  #keepaliveInterval: Duration;
  #standbyInterval: Duration;
  #dateTemplate = '';
  /** The programmable buttons, type and instance in turn. */
  #buttons = '';
  #barred: readonly SccpFeature[] = NONE_BARRED;
  /** Made when there is something about calls for the first time. */
  #calls: SccpCalls | null = null;
  #keepaliveAt: Instant = NEVER;
  /** Keepalives sent since the last answer. */
  #unanswered = 0;
  /** When the last keepalive that may go unanswered counts as missed; `NEVER` while there are more. */
  #missedAt: Instant = NEVER;

  constructor(options: SccpClientOptions) {
    this.#options = options;
    this.#dialect = dialectOf(options.model, options.model.sccp.version);
    this.#keepaliveInterval = (options.standbySeconds ?? options.tunables['sccp.standbyKeepalive']) * SECOND;
    this.#standbyInterval = this.#keepaliveInterval;
  }

  /** For traces and tests. */
  get state(): State['kind'] {
    return this.#state.kind;
  }

  process(now: Instant, input: SccpIn): void {
    switch (input.kind) {
      case 'connected':
        this.#ownAddress = input.ownAddress;
        this.#enter(OPEN);
        this.#keepaliveAt = now + this.#keepaliveInterval;
        return;
      case 'data':
        this.#receive(now, input.octets);
        return;
      case 'gone':
        this.#gone(input.why);
        return;
      case 'register':
        this.#register(now, input);
        return;
      case 'request-token':
        this.#enter({ kind: 'token', giveUpAt: now + this.#seconds('sccp.tokenTimeout') });
        this.#send(tokenMessage(this.#options, this.#ownAddress));
        return;
      case 'unregister':
        this.#unregister(now, UNREGISTER_REASON[input.reason === 'power-save' ? 'powerSave' : 'unknown']);
        return;
      case 'key':
        if (this.#state.kind === 'registered') this.#callsOf().press(now, input.key);
        return;
    }
  }

  dispatch(now: Instant, emit: (out: SccpOut) => void): void {
    this.#expire(now);
    if (this.#state.kind === 'over' && this.#calls !== null) this.#endCalls(now, this.#calls);
    if (this.#screenChanged) {
      this.#screenChanged = false;
      this.#out.push({ kind: 'display', display: this.#screen.shows() });
    }
    if (this.#out.length === 0) return;
    const out = this.#out;
    this.#out = [];
    for (const each of out) emit(each);
  }

  pollAt(): Instant {
    if (this.#out.length > 0 || this.#screenChanged) return 0;
    if (this.#state.kind === 'idle' || this.#state.kind === 'over') return NEVER;
    let deadline = earlier(earlier(this.#keepaliveAt, this.#missedAt), this.#screen.expiresAt());
    if (this.#calls !== null) deadline = earlier(deadline, this.#calls.pollAt());
    return 'giveUpAt' in this.#state ? earlier(deadline, this.#state.giveUpAt) : deadline;
  }

  #seconds(
    name: 'sccp.registerTimeout' | 'sccp.answerTimeout' | 'sccp.tokenTimeout' | 'sccp.unregisterTimeout',
  ): Duration {
    return this.#options.tunables[name] * SECOND;
  }

  #enter(state: State): void {
    if (!NEXT[this.#state.kind].includes(state.kind)) {
      throw new Error(`sccp: no way from ${this.#state.kind} to ${state.kind}`);
    }
    this.#state = state;
    if (state.kind !== 'over') return;
    this.#stream.clear();
    this.#keepaliveAt = NEVER;
    this.#missedAt = NEVER;
  }

  #send(m: sccp.Outgoing): void {
    this.#out.push({ kind: 'write', octets: sccp.encode(m, this.#dialect) });
  }

  /** Ends the registration by our own decision. */
  #finish(out: SccpOut): void {
    this.#enter(OVER);
    this.#out.push(out, { kind: 'close' });
  }

  #gone(why: ConnectionGone): void {
    const { kind } = this.#state;
    if (kind === 'over') return;
    this.#enter(OVER);
    // chan_skinny never acknowledges UnregisterReq, it just closes.
    if (kind === 'unregistering') this.#out.push({ kind: 'unregistered' });
    else this.#out.push({ kind: 'lost', why: why === 'timeout' ? 'tcp-timeout' : why });
  }

  #register(now: Instant, { alarm, versionStamp }: Extract<SccpIn, { kind: 'register' }>): void {
    this.#enter({ kind: 'registering', giveUpAt: now + this.#seconds('sccp.registerTimeout') });
    const { tunables, rng } = this.#options;
    const opening = openingMessages(this.#options, this.#ownAddress, alarm, versionStamp, tunables, rng.u32());
    for (const m of opening) this.#send(m);
  }

  #unregister(now: Instant, reason: number): void {
    const { kind } = this.#state;
    if (kind === 'over' || kind === 'unregistering') return;
    if (kind === 'idle' || kind === 'open' || kind === 'token') {
      this.#finish({ kind: 'unregistered' });
      return;
    }
    this.#send({ type: 'UnregisterReq', reason });
    this.#enter({ kind: 'unregistering', giveUpAt: now + this.#seconds('sccp.unregisterTimeout') });
  }

  /** Everything that becomes due by the passing of time. */
  #expire(now: Instant): void {
    if (this.#screen.expire(now)) this.#screenChanged = true;
    if (this.#state.kind === 'registered') this.#calls?.expire(now);
    if (now >= this.#missedAt) this.#finish({ kind: 'lost', why: 'keepalive-timeout' });
    if (now >= this.#keepaliveAt) this.#keepalive(now);
    const state = this.#state;
    if (!('giveUpAt' in state) || now < state.giveUpAt) return;
    switch (state.kind) {
      case 'token':
        this.#enter(OPEN);
        this.#out.push({ kind: 'token', answer: 'none', waitSeconds: 0 });
        return;
      case 'registering':
        this.#finish({ kind: 'lost', why: 'register-timeout' });
        return;
      case 'dialogue':
        this.#advance(now, state.dialogue);
        return;
      case 'unregistering':
        this.#finish({ kind: 'unregistered' });
        return;
    }
  }

  #keepalive(now: Instant): void {
    const late = now - this.#keepaliveAt;
    if (late > LATE) this.#out.push({ kind: 'keepalive-late', by: late });
    const { 'sccp.keepaliveMisses': misses, 'sccp.keepaliveGrace': grace } = this.#options.tunables;
    this.#unanswered++;
    this.#send({ type: 'KeepAliveReq' });
    if (this.#unanswered >= misses) this.#missedAt = earlier(this.#missedAt, now + grace * SECOND);
    this.#keepaliveAt = (late > LATE ? now : this.#keepaliveAt) + this.#keepaliveInterval;
  }

  #receive(now: Instant, octets: Uint8Array): void {
    if (this.#state.kind === 'over') return;
    const outOfStep = this.#stream.push(octets, (bytes, offset, length) => {
      const m = sccp.parse(bytes, offset, length, this.#dialect.version);
      if (isMalformed(m)) throw new Error(`sccp: ${m.reason}, though the stream cut it`);
      this.#take(now, m);
      return this.#state.kind !== 'over';
    });
    if (outOfStep !== null) this.#finish({ kind: 'lost', why: 'framing' });
  }

  #take(now: Instant, m: sccp.Message): void {
    switch (m.type) {
      case 'KeepAliveAck':
        this.#unanswered = 0;
        this.#missedAt = NEVER;
        return;
      case 'RegisterAck':
        this.#accepted(now, m);
        return;
      case 'RegisterReject':
        this.#finish({ kind: 'rejected', text: shown(m.text) });
        return;
      case 'RegisterTokenAck':
      case 'RegisterTokenReject':
        if (this.#state.kind !== 'token') return;
        this.#enter(OPEN);
        this.#out.push(
          m.type === 'RegisterTokenAck'
            ? { kind: 'token', answer: 'granted', waitSeconds: 0 }
            : { kind: 'token', answer: 'refused', waitSeconds: m.waitSeconds },
        );
        return;
      case 'UnregisterAck':
        this.#unregisterAnswered(m.status);
        return;
      case 'Reset':
        this.#out.push({
          kind: 'reset',
          type:
            m.resetType === RESET.restart ? 'restart' : m.resetType === RESET.applyConfig ? 'apply-config' : 'reset',
        });
        return;
      case 'CapabilitiesReq':
        if (this.#state.kind === 'dialogue') this.#state.dialogue.capabilitiesAsked((answer) => this.#send(answer));
        else this.#send(this.#capabilities());
        break;
      case 'VersionRes':
        this.#loadNamed(m.version);
        break;
      case 'SoftKeyTemplateRes':
        this.#template = new SoftKeyTemplate(m);
        break;
      case 'SoftKeySetRes':
        this.#template?.takeSets(m);
        break;
      case 'DefineTimeDate':
        this.#out.push({
          kind: 'time',
          systemTime: m.systemTime,
          local: [m.year, m.month, m.day, m.hour, m.minute, m.second],
        });
        break;
      default:
        this.#takeOther(now, m);
        break;
    }
    if (this.#state.kind === 'dialogue') this.#answered(now, this.#state.dialogue, m);
  }

  #capabilities(): sccp.Outgoing {
    return capabilitiesMessage(this.#options.model, this.#dialect.version, this.#options.tunables);
  }

  /** A name that fills the field may have been cut there. */
  #loadNamed(name: string): void {
    const { load, model } = this.#options;
    if (model.sccp.asksForLoad === undefined) return;
    const same = name.length >= LOAD_FIELD - 1 ? load.startsWith(name) : load === name;
    if (name !== '' && !same) this.#out.push({ kind: 'load', load: name });
  }

  #takeOther(now: Instant, m: sccp.Message): void {
    if (m.type === 'Unknown' && this.#options.tunables['sccp.unknownMessage'] === 'fatal') {
      this.#finish({ kind: 'lost', why: 'invalid-message', unknownId: m.id });
      return;
    }
    if ((this.#calls !== null || BEGINNINGS.has(m.type)) && this.#callsOf().take(now, m)) return;
    if (this.#screen.take(now, m, this.#template)) this.#screenChanged = true;
  }

  #accepted(now: Instant, ack: sccp.MessageOf<'RegisterAck'>): void {
    const { kind } = this.#state;
    if (kind !== 'registering') return;
    const { model } = this.#options;
    this.#dialect = dialectOf(model, Math.min(model.sccp.version, ack.protocolVer));
    this.#keepaliveInterval = intervalOf(ack.keepAliveInterval, this.#keepaliveInterval);
    this.#standbyInterval = intervalOf(ack.secondaryKeepAliveInterval, this.#standbyInterval);
    this.#keepaliveAt = now + this.#keepaliveInterval;
    this.#unanswered = 0;
    this.#missedAt = NEVER;
    this.#dateTemplate = ack.dateTemplate;
    const dialogue = new Dialogue(this.#dialect.version, this.#capabilities(), model.sccp.asksForLoad === true);
    this.#enter({ kind: 'dialogue', dialogue, giveUpAt: NEVER });
    this.#advance(now, dialogue);
  }

  #answered(now: Instant, dialogue: Dialogue, m: sccp.Message): void {
    dialogue.take(m);
    if (dialogue.answers(m)) this.#advance(now, dialogue);
  }

  #advance(now: Instant, dialogue: Dialogue): void {
    if (dialogue.advance((m) => this.#send(m)) === 'waiting') {
      this.#enter({ kind: 'dialogue', dialogue, giveUpAt: now + this.#seconds('sccp.answerTimeout') });
      return;
    }
    this.#enter(REGISTERED);
    this.#buttons = dialogue.buttons();
    this.#barred = barredButtons(dialogue.features(), this.#options.tunables);
    this.#out.push({
      kind: 'registered',
      lines: dialogue.lines(),
      features: dialogue.features(),
      keepaliveSeconds: this.#keepaliveInterval / SECOND,
      standbyKeepaliveSeconds: this.#standbyInterval / SECOND,
      version: this.#dialect.version,
      dateTemplate: this.#dateTemplate,
      userName: dialogue.userName,
      serverName: dialogue.serverName,
    });
  }

  #callsOf(): SccpCalls {
    this.#calls ??= new SccpCalls(
      {
        send: (m) => this.#send(m),
        softKeys: () => this.#screen.softKeys,
        call: (call) => this.#out.push({ kind: 'call', call }),
        predialed: (digits) => {
          this.#screen.typed = digits;
          this.#screenChanged = true;
        },
        refused: (number, line) => this.#out.push({ kind: 'call-refused', number, line }),
      },
      { version: this.#dialect.version, buttons: this.#buttons, barred: this.#barred },
      this.#options,
    );
    return this.#calls;
  }

  /** What became of the calls is told before what became of the registration. */
  #endCalls(now: Instant, calls: SccpCalls): void {
    const after = this.#out;
    this.#out = [];
    this.#calls = null;
    calls.end(
      now,
      after.some(({ kind }) => kind === 'lost'),
    );
    this.#out.push(...after);
  }

  #unregisterAnswered(status: number): void {
    if (this.#state.kind !== 'unregistering') return;
    if (status !== UNREGISTER_ACK.notAcknowledged) {
      this.#finish({ kind: 'unregistered' });
      return;
    }
    this.#enter(REGISTERED);
    this.#out.push({ kind: 'unregister-refused' });
  }
}

/** What a phone without a call hears of its first one, or has to answer all the same. */
const BEGINNINGS: ReadonlySet<string> = new Set<sccp.MessageName>([
  'CallState',
  'CallInfo',
  'CallInfoDynamic',
  'OpenReceiveChannel',
  'StartMediaTransmission',
  'PortReq',
  'ConnectionStatisticsReq',
]);

function intervalOf(seconds: number, fallback: Duration): Duration {
  return seconds === 0 ? fallback : Math.min(seconds, MAX_INTERVAL_SECONDS) * SECOND;
}
