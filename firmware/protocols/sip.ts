/**
 * SIP from the phone's side: registration with one call manager or registrar, over one connection or one UDP socket, which the owner opens and closes.
 *
 *     idle --connected--> open --register--> registering --200 for all lines--> registered --unregister--> leaving --> over
 *                          |  \-request-token--> token --> open                     any --gone, refused, time-out--> over
 *
 * A standby connection is this machine left in `open`: it says REGISTER with `cisco-keep-alive` every timerKeepAliveExpires. A registered one refreshes before
 * its registration expires, and that is its keepalive. After `over` the machine is of no more use; the next connection gets a new one.
 */
import type { Ipv4 } from '../../hal/nic.ts';
import { type Duration, earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { isMalformed, type Malformed } from '../malformed.ts';
import { parseSeconds } from '../wire/sip/grammar.ts';
import { headerValue, type Message, parse, type Request, type Response } from '../wire/sip/message.ts';
import { MessageStream } from '../wire/sip/stream.ts';
import { judgeRequest, judgeResponse } from '../wire/sip/validity.ts';
import type { RegistrationClient, RegistrationClientIn, RegistrationClientOut } from './registration-client.ts';
import type { ConnectionGone } from './sccp/loss.ts';
import { answerTo, isAnswerable, responseTo } from './sip/answer.ts';
import type { Binding } from './sip/binding.ts';
import type { Call } from './sip/call.ts';
import { displayOf, type Faced } from './sip/call-keys.ts';
import { CallRequests } from './sip/call-requests.ts';
import { SipCalls } from './sip/calls.ts';
import { grantOf, refreshAfter, rejectionText, SHORTEST_REFRESH, timeOf } from './sip/grant.ts';
import { generationOf } from './sip/offer.ts';
import { Requests, type SipClientOptions } from './sip/requests.ts';
import { isForUs, wishesOf } from './sip/service-control.ts';
import { timersOf } from './sip/settings.ts';
import { Transactions } from './sip/transactions.ts';

/** What a request of ours was for. */
type Purpose =
  | { readonly kind: 'register'; readonly binding: Binding; readonly what: 'first' | 'refresh' | 'leave' }
  | { readonly kind: 'probe' }
  | { readonly kind: 'token' }
  | { readonly kind: 'alarm' }
  | { readonly kind: 'call'; readonly call: Call; readonly request: Request };

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'open' }
  | { readonly kind: 'token'; readonly giveUpAt: Instant }
  /** `rest`: lines that will register for themselves when this one has. */
  | { readonly kind: 'registering'; readonly rest: readonly Binding[] }
  | { readonly kind: 'registered' }
  | { readonly kind: 'leaving'; readonly giveUpAt: Instant; left: number }
  | { readonly kind: 'over' };

const NEXT: Readonly<Record<State['kind'], readonly State['kind'][]>> = {
  idle: ['open', 'over'],
  open: ['token', 'registering', 'over'],
  token: ['open', 'over'],
  registering: ['registering', 'registered', 'leaving', 'over'],
  registered: ['leaving', 'over'],
  leaving: ['over'],
  over: [],
};

const IDLE: State = Object.freeze({ kind: 'idle' });
const OPEN: State = Object.freeze({ kind: 'open' });
const REGISTERED: State = Object.freeze({ kind: 'registered' });
const OVER: State = Object.freeze({ kind: 'over' });

/** A refresh later than this is reported: the phone, or what runs it, has no time. */
const LATE: Duration = SECOND;

/** The face of a phone without a call. */
const NO_CALL: Faced = Object.freeze({ view: null, digits: '', consulting: false, ringing: false });

export class SipClient implements RegistrationClient {
  readonly #options: SipClientOptions;
  readonly #requests: Requests;
  readonly #transactions: Transactions<Purpose>;
  readonly #stream = new MessageStream();
  #state: State = IDLE;
  #out: RegistrationClientOut[] = [];
  #bindings: readonly Binding[] = [];
  #versionStamp = '';
  #alarm: Extract<RegistrationClientIn, { kind: 'register' }>['alarm'] = { reason: 'initialized' };
  #probeAt: Instant = NEVER;
  #messageWaiting = false;
  #knowsKeepalives = false;
  /** Null until the first call. */
  #calls: SipCalls | null = null;
  /** Of the input or the dispatch that is being worked on. */
  #now: Instant = 0;

  constructor(options: SipClientOptions) {
    this.#options = options;
    this.#requests = new Requests(options);
    this.#transactions = new Transactions(
      timersOf(options.settings),
      options.settings.transport !== 'udp',
      (octets) => {
        this.#out.push({ kind: 'write', octets });
      },
    );
  }

  /** For traces and tests. */
  get state(): State['kind'] {
    return this.#state.kind;
  }

  process(now: Instant, input: RegistrationClientIn): void {
    this.#now = now;
    switch (input.kind) {
      case 'connected':
        this.#connected(now, input.ownAddress, input.ownPort);
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
        this.#enter({ kind: 'token', giveUpAt: now + this.#options.tunables['sip.tokenTimeout'] * SECOND });
        this.#transactions.request(now, this.#requests.token(), { kind: 'token' });
        return;
      case 'unregister':
        this.#unregister(now);
        return;
      case 'key':
        if (this.#state.kind === 'registered') this.#ownCalls()?.key(now, input.key);
        return;
    }
  }

  dispatch(now: Instant, emit: (out: RegistrationClientOut) => void): void {
    this.#now = now;
    this.#transactions.dispatch(now, (purpose) => this.#unanswered(now, purpose));
    this.#expire(now);
    this.#calls?.expire(now);
    if (this.#out.length === 0) return;
    const out = this.#out;
    this.#out = [];
    for (const each of out) emit(each);
  }

  pollAt(): Instant {
    if (this.#out.length > 0) return 0;
    const state = this.#state;
    if (state.kind === 'idle' || state.kind === 'over') return NEVER;
    let at = earlier(this.#transactions.pollAt(), this.#probeAt);
    if (this.#calls !== null) at = earlier(at, this.#calls.pollAt());
    for (const { refreshAt } of this.#bindings) at = earlier(at, refreshAt);
    return 'giveUpAt' in state ? earlier(at, state.giveUpAt) : at;
  }

  /** @param isLost by no wish of ours */
  #enter(state: State, isLost = false): void {
    if (!NEXT[this.#state.kind].includes(state.kind)) {
      throw new Error(`sip: no way from ${this.#state.kind} to ${state.kind}`);
    }
    this.#state = state;
    if (state.kind !== 'over') return;
    this.#calls?.clear(this.#now, isLost);
    this.#calls = null;
    this.#stream.clear();
    this.#transactions.clear();
    this.#bindings = [];
    this.#probeAt = NEVER;
  }

  /** Ends the registration by our own decision. */
  #finish(out: RegistrationClientOut): void {
    this.#enter(OVER, out.kind === 'lost');
    this.#out.push(out, { kind: 'close' });
  }

  #gone(why: ConnectionGone): void {
    const { kind } = this.#state;
    if (kind === 'over') return;
    this.#enter(OVER, kind !== 'leaving');
    if (kind === 'leaving') this.#out.push({ kind: 'unregistered' });
    else this.#out.push({ kind: 'lost', why: why === 'timeout' ? 'tcp-timeout' : why });
  }

  #connected(now: Instant, address: Ipv4, port: number): void {
    this.#requests.connected(address, port);
    this.#enter(OPEN);
    this.#probeAt = now + this.#options.settings.timerKeepAliveExpires * SECOND;
  }

  #register(now: Instant, { alarm, versionStamp }: Extract<RegistrationClientIn, { kind: 'register' }>): void {
    this.#versionStamp = versionStamp;
    this.#alarm = alarm;
    this.#probeAt = NEVER;
    this.#bindings = this.#requests.bindings();
    this.#enter({ kind: 'registering', rest: this.#bindings.slice(1) });
    this.#say(now, this.#bindings[0]!, 'first');
    if (alarm.xml !== undefined) this.#transactions.request(now, this.#requests.alarm(alarm.xml), { kind: 'alarm' });
  }

  #say(now: Instant, binding: Binding, what: 'first' | 'refresh' | 'leave'): void {
    binding.refreshAt = NEVER;
    const m = this.#requests.register(binding, what, this.#alarm.reason, binding === this.#bindings[0]);
    this.#transactions.request(now, m, { kind: 'register', binding, what });
  }

  #unregister(now: Instant): void {
    const { kind } = this.#state;
    if (kind === 'over' || kind === 'leaving') return;
    if (kind !== 'registered' && kind !== 'registering') {
      this.#finish({ kind: 'unregistered' });
      return;
    }
    const giveUpAt = now + this.#options.tunables['sip.unregisterTimeout'] * SECOND;
    this.#enter({ kind: 'leaving', giveUpAt, left: this.#bindings.length });
    for (const binding of this.#bindings) this.#say(now, binding, 'leave');
  }

  /** A registered phone is heard by its refreshes; between them it speaks to servers of Cisco's kind only, who know what is meant. */
  #nextProbe(now: Instant): Instant {
    const { settings, tunables } = this.#options;
    const between = this.#knowsKeepalives ? tunables['sip.keepalive'] : 0;
    const seconds = this.#state.kind === 'registered' ? between : settings.timerKeepAliveExpires;
    return seconds === 0 ? NEVER : now + seconds * SECOND;
  }

  /** Everything that becomes due by the passing of time. */
  #expire(now: Instant): void {
    const state = this.#state;
    if ((state.kind === 'open' || state.kind === 'registered') && now >= this.#probeAt) {
      this.#probeAt = NEVER;
      this.#transactions.request(now, this.#requests.probe(), { kind: 'probe' });
    }
    if (state.kind === 'registered') {
      for (const binding of this.#bindings) {
        if (now < binding.refreshAt) continue;
        if (now - binding.refreshAt > LATE) this.#out.push({ kind: 'keepalive-late', by: now - binding.refreshAt });
        this.#say(now, binding, 'refresh');
      }
    }
    if (!('giveUpAt' in state) || now < state.giveUpAt) return;
    if (state.kind === 'leaving') this.#finish({ kind: 'unregistered' });
    else this.#tokenAnswered('none', 0);
  }

  #tokenAnswered(answer: 'granted' | 'refused' | 'none', waitSeconds: number): void {
    if (this.#state.kind !== 'token') return;
    this.#enter(OPEN);
    this.#out.push({ kind: 'token', answer, waitSeconds });
  }

  /** A request had no answer for 64 T1. */
  #unanswered(now: Instant, purpose: Purpose): void {
    switch (purpose.kind) {
      case 'register':
        if (purpose.what === 'leave') this.#left();
        else this.#finish({ kind: 'lost', why: purpose.what === 'first' ? 'register-timeout' : 'keepalive-timeout' });
        return;
      case 'probe':
        if (this.#state.kind === 'open' || this.#state.kind === 'registered')
          this.#finish({ kind: 'lost', why: 'keepalive-timeout' });
        return;
      case 'token':
        this.#tokenAnswered('none', 0);
        return;
      case 'alarm':
        this.#options.debug?.(`SIP: no answer to the alarm until ${now / SECOND} s`);
        return;
      case 'call':
        purpose.call.unanswered(now, purpose.request);
        return;
    }
  }

  #receive(now: Instant, octets: Uint8Array): void {
    if (this.#state.kind === 'over') return;
    if (this.#options.settings.transport === 'udp') {
      this.#take(now, parse(octets));
      return;
    }
    const outOfStep = this.#stream.push(octets, (bytes, offset, length) => {
      this.#take(now, parse(bytes, offset, length));
      return this.#state.kind !== 'over';
    });
    if (outOfStep !== null) this.#finish({ kind: 'lost', why: 'framing' });
  }

  #take(now: Instant, m: Message | Malformed): void {
    if (isMalformed(m)) {
      this.#options.debug?.(`SIP: ${m.reason}`);
      return;
    }
    if (m.kind === 'request') {
      this.#asked(now, m);
      return;
    }
    const wrong = judgeResponse(m);
    if (wrong !== null) {
      this.#options.debug?.(`SIP: response with a wrong ${wrong}`);
      return;
    }
    const purpose = this.#transactions.response(now, m);
    if (purpose === null) {
      if (m.status >= 200 && m.status < 300) this.#calls?.acceptedAgain(m);
    } else if (purpose.kind === 'call') purpose.call.answered(now, purpose.request, m);
    else if (m.status >= 200) this.#answered(now, purpose, m);
  }

  /** Null for a phone that makes none. */
  #ownCalls(): SipCalls | null {
    const { media } = this.#options;
    if (media === undefined) return null;
    this.#calls ??= new SipCalls(this.#options, media, new CallRequests(this.#requests, this.#options), {
      request: (now, call, request) => this.#transactions.request(now, request, { kind: 'call', call, request }),
      cancel: (now, call, request) => this.#transactions.cancel(now, request, { kind: 'call', call, request }),
      respond: (now, to, m) => this.#transactions.respond(now, to, m),
      write: (octets) => this.#out.push({ kind: 'write', octets }),
      view: (call) => this.#out.push({ kind: 'call', call }),
      refused: (number, line) => this.#out.push({ kind: 'call-refused', number, line }),
      display: () => this.#display(),
    });
    return this.#calls;
  }

  #asked(now: Instant, m: Request): void {
    if (!isAnswerable(m)) {
      if (m.method !== 'ACK') return;
      this.#transactions.arrived(now, m);
      this.#calls?.asked(now, m);
      return;
    }
    if (!this.#transactions.arrived(now, m)) return;
    const answer = answerTo(m, generationOf(this.#options.load).supported);
    if (answer === null || (answer.status !== 420 && answer.status !== 415 && this.#ofCalls(now, m))) return;
    this.#transactions.respond(now, m, responseTo(m, answer, this.#requests.tag()));
    if (answer.status >= 300) return;
    const { serviceControl, messageWaiting } = wishesOf(m);
    if (messageWaiting !== null && messageWaiting !== this.#messageWaiting) {
      this.#messageWaiting = messageWaiting;
      this.#display();
    }
    const own = this.#bindings.map(({ callId }) => callId);
    for (const control of serviceControl) {
      if (isForUs(control, own)) this.#control(control.action, control.configVersionStamp);
      else this.#options.debug?.(`SIP: ${control.action} for another registration`);
    }
  }

  /** True for a request that begins a call or belongs to one, and has been answered. */
  #ofCalls(now: Instant, m: Request): boolean {
    if (this.#state.kind !== 'registered' || judgeRequest(m) !== null) return false;
    const calls = m.method === 'INVITE' ? this.#ownCalls() : this.#calls;
    return calls?.asked(now, m) ?? false;
  }

  #control(action: string, stamp: string): void {
    switch (action) {
      case 'reset':
      case 'restart':
      case 'apply-config':
        this.#out.push({ kind: 'reset', type: action });
        return;
      case 'check-version':
        // Zeros and nothing are said by servers that keep no versions.
        if (/^0*$/.test(stamp) || this.#versionStamp === '' || stamp === this.#versionStamp) return;
        this.#out.push({ kind: 'reset', type: 'restart' });
        return;
      default:
        this.#options.debug?.(`SIP: nothing is done for ${action}`);
    }
  }

  #answered(now: Instant, purpose: Purpose, m: Response): void {
    switch (purpose.kind) {
      case 'register':
        this.#registerAnswered(now, purpose, m);
        return;
      case 'probe':
        // A challenge too is said by one who lives.
        if (m.status < 500) this.#probeAt = this.#nextProbe(now);
        else if (this.#state.kind === 'open') this.#finish({ kind: 'lost', why: 'server-error' });
        return;
      case 'token': {
        const wait = parseSeconds(headerValue(m, 'Retry-After')) ?? this.#options.settings.timerKeepAliveExpires;
        if (m.status === 202) this.#tokenAnswered('granted', 0);
        else if (m.status === 486 || m.status === 503) this.#tokenAnswered('refused', wait);
        else this.#tokenAnswered('none', 0);
        return;
      }
      case 'alarm':
        return;
    }
  }

  #registerAnswered(now: Instant, { binding, what }: Extract<Purpose, { kind: 'register' }>, m: Response): void {
    if (m.status === 401 || m.status === 407) {
      if (binding.digest.challenged(m)) this.#say(now, binding, what);
      else this.#refused(now, binding, what, m);
      return;
    }
    if (what === 'leave') {
      this.#left();
      return;
    }
    if (this.#state.kind === 'leaving') return;
    if (m.status === 423) {
      const minimum = parseSeconds(headerValue(m, 'Min-Expires')) ?? 0;
      if (minimum <= binding.expires) {
        this.#refused(now, binding, what, m);
        return;
      }
      binding.expires = minimum;
      this.#say(now, binding, what);
      return;
    }
    if (m.status >= 300) this.#refused(now, binding, what, m);
    else this.#accepted(now, binding, what, m);
  }

  #refused(now: Instant, binding: Binding, what: 'first' | 'refresh' | 'leave', m: Response): void {
    if (what === 'leave') {
      this.#left();
      return;
    }
    const state = this.#state;
    if (state.kind === 'registering' && binding !== this.#bindings[0]) {
      // A secondary line that is not let in leaves the phone with the others.
      this.#bindings = this.#bindings.filter((one) => one !== binding);
      this.#advance(now, state.rest);
      return;
    }
    const wait = parseSeconds(headerValue(m, 'Retry-After'));
    const waiting = wait === null ? {} : { waitSeconds: wait };
    const rejects = m.status === 401 || m.status === 403 || m.status === 407;
    if (state.kind === 'registering' && rejects) {
      this.#finish({ kind: 'rejected', text: rejectionText(m), ...waiting });
    } else this.#finish({ kind: 'lost', why: 'server-error', ...waiting });
  }

  #accepted(now: Instant, binding: Binding, what: 'first' | 'refresh', m: Response): void {
    binding.digest.accepted();
    const { settings, tunables } = this.#options;
    const grant = grantOf(m, this.#requests.contactUri(binding), binding.expires);
    if (what === 'first') this.#knowsKeepalives = grant.isCisco;
    const time = timeOf(m);
    if (time !== null) this.#out.push(time);
    const after = refreshAfter(grant.expires, settings.timerRegisterDelta);
    if (after < SHORTEST_REFRESH && tunables['sip.shortExpires'] === 'unregister') {
      this.#finish({ kind: 'rejected', text: 'Registration interval too short' });
      return;
    }
    binding.refreshAt = now + after * SECOND;
    const state = this.#state;
    if (state.kind !== 'registering') {
      // The call manager has forgotten the phone since: it restarted. All of it again, with the body.
      if (what === 'refresh' && grant.isNew) for (const one of this.#bindings) this.#say(now, one, 'first');
      return;
    }
    const rule = tunables['sip.registerLines'];
    if (binding === this.#bindings[0] && (rule === 'primary' || (rule === 'auto' && grant.bulk))) {
      this.#bindings = [binding];
      this.#advance(now, []);
    } else this.#advance(now, state.rest);
  }

  /** The next line, or the end of registering. */
  #advance(now: Instant, rest: readonly Binding[]): void {
    const next = rest[0];
    if (next !== undefined) {
      this.#enter({ kind: 'registering', rest: rest.slice(1) });
      this.#say(now, next, 'first');
      return;
    }
    this.#enter(REGISTERED);
    this.#probeAt = this.#nextProbe(now);
    const { settings } = this.#options;
    const [primary] = this.#bindings;
    // Where the primary has registered for all of them, the others have no binding of their own.
    const lines = this.#bindings.length === 1 ? settings.lines : this.#bindings.map(({ line }) => line);
    this.#out.push({
      kind: 'registered',
      lines: lines.map(({ instance, name, label }) => ({ instance, number: name, label })),
      keepaliveSeconds: Math.round((primary!.refreshAt - now) / SECOND),
      dateTemplate: settings.dateTemplate,
    });
    this.#display();
  }

  #left(): void {
    const state = this.#state;
    if (state.kind !== 'leaving') return;
    state.left--;
    if (state.left === 0) this.#finish({ kind: 'unregistered' });
  }

  #display(): void {
    this.#out.push({ kind: 'display', display: displayOf(this.#calls?.faced ?? NO_CALL, this.#messageWaiting) });
  }
}
