/**
 * One call: its INVITE, its dialog (RFC 3261 sections 12 to 15) and its media (RFC 3264). What keys mean is told by `calls.ts`.
 *
 *     dialing --dial--> calling --2xx--> connected --end, BYE--> ended           connected: hold and resume by INVITE within the dialog
 *                         |  \--486, 404 ...--> failed --end--> ended
 *                         \--end--> cancelling --487, or 2xx and BYE--> ended
 *     ringing --answer--> connected                ringing --CANCEL, refused--> ended
 */
import { earlier, type Instant, MILLISECOND, NEVER } from '../../../hal/timer.ts';
import { encode, headerValue, type Message, type Request, type Response } from '../../wire/sip/message.ts';
import type { CallView } from '../calls.ts';
import { Acceptance } from './acceptance.ts';
import { responseTo } from './answer.ts';
import type { CallOwner } from './call-owner.ts';
import type { CallIdentity } from './call-requests.ts';
import { DIALING, ENDED, NEXT, type State, seenState } from './call-state.ts';
import { contactOf, type Dialog, dialogOfCalled, dialogOfCaller, sequenceOf } from './dialog.ts';
import { partyOf, sdpOf, sessionOf } from './parties.ts';
import { type Direction, receives, Session, sends } from './session.ts';

/** Of an INVITE's first CSeq, as REGISTER's. */
const FIRST_SEQUENCE = 101;

export class Call {
  readonly id: number;
  readonly direction: 'in' | 'out';
  readonly identity: CallIdentity;
  readonly #owner: CallOwner;
  #state: State;
  #session: Session | null = null;
  #acceptance: Acceptance | null = null;
  /** To the last 2xx of ours that was an INVITE. */
  #ack: { readonly sequence: number; readonly octets: Uint8Array } | null = null;
  /** The INVITE within the dialog that waits for its answer, and what it offers. */
  #pending: { readonly invite: Request; readonly offered: Direction } | null = null;
  /** When an INVITE that met another one is tried again (14.1). */
  #retryAt: Instant = NEVER;
  /** The call is to end as soon as its 2xx is acknowledged (15). */
  #endWhenAcknowledged = false;
  #held = false;
  /** What the other side was told last that this one would do. */
  #told: Direction = 'sendrecv';
  /** A REFER that hands the call on is under way. */
  #transferring = false;
  /** The dialog that this side has ended; null until then. */
  #left: Dialog | null = null;
  /** Digits as they are typed, then the number called; of a call in, who calls. */
  other: string;

  /** @param invite of a call that comes in, with the tag that answers it */
  constructor(
    owner: CallOwner,
    id: number,
    identity: CallIdentity,
    incoming: { readonly invite: Request; readonly tag: string } | null,
  ) {
    this.#owner = owner;
    this.id = id;
    this.identity = identity;
    this.direction = incoming === null ? 'out' : 'in';
    this.#state = incoming === null ? DIALING : { kind: 'ringing', ...incoming };
    this.other = incoming === null ? '' : partyOf(incoming.invite);
  }

  get state(): State['kind'] {
    return this.#state.kind;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Null until it is connected, and after. */
  get dialog(): Dialog | null {
    return this.#state.kind === 'connected' ? this.#state.dialog : null;
  }

  /** The INVITE that made it ring; null when it does not. */
  get ringingInvite(): Request | null {
    return this.#state.kind === 'ringing' ? this.#state.invite : null;
  }

  get view(): CallView {
    const { line } = this.identity;
    const [from, to] = this.direction === 'out' ? [line.name, this.other] : [this.other, line.name];
    const agreed = this.#session?.agreed ?? null;
    const state = seenState(this.#state, {
      held: this.#held,
      remoteHeld: agreed !== null && !sends(agreed.direction),
      transferring: this.#transferring,
    });
    return { call: this.id, line: line.instance, state, direction: this.direction, from, to };
  }

  #enter(now: Instant, state: State): void {
    if (!NEXT[this.#state.kind].includes(state.kind)) {
      throw new Error(`sip call: no way from ${this.#state.kind} to ${state.kind}`);
    }
    this.#state = state;
    if (state.kind === 'ended' || state.kind === 'cancelling' || state.kind === 'failed') {
      this.#owner.media.close(now, this.id);
      this.#session = null;
      this.#pending = null;
      this.#retryAt = NEVER;
    }
    this.#owner.changed(now, this);
  }

  /** Begins to listen. False when the phone has no port left. */
  #open(now: Instant): Session | null {
    if (this.#session !== null) return this.#session;
    const own = this.#owner.media.open(now, this.id, { codec: 'PCMU', ptime: 20 });
    this.#session = own === null ? null : new Session(this.#owner.chance(0x8000), own);
    return this.#session;
  }

  dial(now: Instant, number: string, uri: string, further: readonly { name: string; value: string }[] = []): void {
    const session = this.#owner.refuses(this, number) ? null : this.#open(now);
    this.other = number;
    if (session === null) {
      this.#enter(now, { kind: 'failed', state: 'reorder' });
      return;
    }
    const { requests } = this.#owner;
    const sdp = session.offer('sendrecv');
    const call = { uri, callId: requests.newCallId(), tag: requests.newTag(), sequence: FIRST_SEQUENCE, sdp, further };
    const invite = requests.invite(this.identity, call);
    this.#enter(now, { kind: 'calling', invite, ringing: false });
    this.#owner.request(now, this, invite);
  }

  /** Takes an incoming call. */
  answer(now: Instant): void {
    const state = this.#state;
    if (state.kind !== 'ringing') return;
    const { invite, tag } = state;
    const dialog = dialogOfCalled(invite, tag);
    const session = this.#open(now);
    const said = session === null || dialog === null ? null : this.#answerTo(session, invite);
    if (dialog === null || said === null) {
      this.reject(now, 488, 'Not Acceptable Here');
      return;
    }
    this.#enter(now, { kind: 'connected', dialog });
    this.#accept(now, invite, tag, said);
    this.#play(now);
    this.#owner.changed(now, this);
  }

  reject(now: Instant, status: number, reason: string): void {
    const state = this.#state;
    if (state.kind !== 'ringing') return;
    this.#owner.respond(now, state.invite, responseTo(state.invite, { status, reason }, state.tag));
    this.#enter(now, ENDED);
  }

  /** Hangs up, whatever it is doing. */
  end(now: Instant): void {
    const state = this.#state;
    switch (state.kind) {
      case 'dialing':
      case 'failed':
        this.#enter(now, ENDED);
        return;
      case 'calling':
        // "MUST NOT send CANCEL until a provisional response has been received" (9.1).
        this.#enter(now, {
          kind: 'cancelling',
          invite: state.invite,
          said: this.#owner.cancel(now, this, state.invite),
        });
        return;
      case 'ringing':
        this.reject(now, 603, 'Decline');
        return;
      case 'connected':
        if (this.#acceptance === null) this.#bye(now, state.dialog);
        else this.#endWhenAcknowledged = true;
        return;
    }
  }

  setHold(now: Instant, held: boolean): void {
    if (this.#state.kind !== 'connected' || this.#held === held) return;
    this.#held = held;
    this.#invite(now);
    this.#owner.changed(now, this);
  }

  /** Asks the other side to call somebody else instead (RFC 3515). */
  refer(now: Instant, referTo: string): void {
    const { dialog } = this;
    if (dialog === null) return;
    const further = [
      { name: 'Refer-To', value: referTo },
      { name: 'Referred-By', value: dialog.local },
    ];
    this.#transferring = true;
    this.#owner.request(now, this, this.#owner.requests.within(this.identity, dialog, 'REFER', further));
    this.#owner.changed(now, this);
  }

  /** How the REFER came out: the call ends, or is here again. */
  referred(now: Instant, status: number): void {
    if (!this.#transferring || status < 200) return;
    this.#transferring = false;
    if (status < 300) this.end(now);
    else this.#owner.changed(now, this);
  }

  answered(now: Instant, request: Request, m: Response): void {
    this.#learn(m);
    if (request.method === 'REFER') this.referred(now, m.status < 300 ? 100 : m.status);
    if (request.method !== 'INVITE') return;
    const state = this.#state;
    const left = this.#left;
    // Hung up while an INVITE was under way: its 2xx wants its ACK all the same (13.2.2.4).
    if (left !== null && m.status >= 200 && m.status < 300) this.#acknowledge(left, sequenceOf(m), null);
    if (state.kind === 'connected') this.#answeredAgain(now, state.dialog, m);
    else if (state.kind === 'calling' || state.kind === 'cancelling') this.#answeredFirst(now, state, m);
  }

  /** No response within 64 T1. */
  unanswered(now: Instant, request: Request): void {
    if (request.method === 'REFER') this.referred(now, 408);
    if (request.method !== 'INVITE') return;
    const { kind } = this.#state;
    if (kind === 'calling') this.#enter(now, { kind: 'failed', state: 'reorder' });
    if (kind === 'cancelling') this.#enter(now, ENDED);
    // "If a UAC receives no response at all, it SHOULD terminate the dialog" (12.2.1.2).
    if (kind === 'connected') this.end(now);
  }

  #answeredFirst(now: Instant, state: Extract<State, { kind: 'calling' | 'cancelling' }>, m: Response): void {
    const { invite } = state;
    if (m.status < 200) {
      if (state.kind === 'cancelling') {
        if (!state.said && this.#owner.cancel(now, this, invite)) this.#enter(now, { ...state, said: true });
      } else if (m.status === 180 || m.status === 183) this.#enter(now, { kind: 'calling', invite, ringing: true });
      return;
    }
    if (m.status < 300) {
      this.#taken(now, state, m);
      return;
    }
    if (state.kind === 'cancelling') this.#enter(now, ENDED);
    else if ((m.status === 401 || m.status === 407) && this.identity.digest.challenged(m)) this.#dialAgain(now, invite);
    else {
      const busy = m.status === 486 || m.status === 600 || m.status === 603;
      this.#enter(now, { kind: 'failed', state: busy ? 'busy' : 'reorder' });
    }
  }

  #dialAgain(now: Instant, before: Request): void {
    const invite = this.#owner.requests.inviteAgain(this.identity, before);
    this.#enter(now, { kind: 'calling', invite, ringing: false });
    this.#owner.request(now, this, invite);
  }

  /** Somebody has answered. */
  #taken(now: Instant, state: Extract<State, { kind: 'calling' | 'cancelling' }>, m: Response): void {
    const dialog = dialogOfCaller(state.invite, m);
    if (dialog === null) {
      this.#enter(now, state.kind === 'calling' ? { kind: 'failed', state: 'reorder' } : ENDED);
      return;
    }
    this.identity.digest.accepted();
    this.#acknowledge(dialog, dialog.sequence, null);
    const agreed = this.#session?.answered(sdpOf(m) ?? '', 'sendrecv') ?? false;
    if (state.kind === 'cancelling' || !agreed) {
      this.#owner.request(now, this, this.#owner.requests.within(this.identity, dialog, 'BYE'));
      this.#enter(now, state.kind === 'calling' ? { kind: 'failed', state: 'reorder' } : ENDED);
      return;
    }
    this.#enter(now, { kind: 'connected', dialog });
    this.#play(now);
  }

  #answeredAgain(now: Instant, dialog: Dialog, m: Response): void {
    const pending = this.#pending;
    if (pending === null || m.status < 200) return;
    this.#pending = null;
    if (m.status < 300) {
      dialog.target = contactOf(m) ?? dialog.target;
      this.identity.digest.accepted();
      this.#acknowledge(dialog, sequenceOf(pending.invite), null);
      this.#session?.answered(sdpOf(m) ?? '', pending.offered);
      this.#play(now);
      this.#owner.changed(now, this);
      this.#settle(now);
    } else if (m.status === 491) {
      // Between 2.1 and 4 s for who owns the Call-ID, sooner for the other side (14.1).
      const step = 10 * MILLISECOND;
      const wait = this.direction === 'out' ? (210 + this.#owner.chance(191)) * step : this.#owner.chance(200) * step;
      this.#retryAt = now + wait;
    } else if ((m.status === 401 || m.status === 407) && this.identity.digest.challenged(m)) this.#invite(now);
    else if (m.status === 408 || m.status === 481) this.#bye(now, dialog);
  }

  /** A 2xx that came again: its ACK was lost (13.2.2.4). */
  acceptedAgain(m: Response): void {
    const ack = this.#ack;
    if (ack !== null && ack.sequence === sequenceOf(m)) this.#owner.write(ack.octets);
  }

  /** Offers what this side wishes by an INVITE within the dialog. */
  #invite(now: Instant): void {
    this.#retryAt = NEVER;
    const { dialog } = this;
    const session = this.#session;
    // What is under way comes first; `settle` looks again when it is over.
    if (dialog === null || session === null || this.#pending !== null || this.#acceptance !== null) return;
    const offered = this.#wish();
    this.#told = offered;
    const invite = this.#owner.requests.again(this.identity, dialog, session.offer(offered));
    this.#pending = { invite, offered };
    this.#owner.request(now, this, invite);
  }

  #wish(): Direction {
    return this.#held ? this.#owner.holdDirection : 'sendrecv';
  }

  #acknowledge(dialog: Dialog, sequence: number, sdp: string | null): void {
    const octets = encode(this.#owner.requests.ack(this.identity, dialog, sequence, sdp));
    this.#ack = { sequence, octets };
    this.#owner.write(octets);
  }

  #bye(now: Instant, dialog: Dialog): void {
    this.#left = dialog;
    this.#owner.request(now, this, this.#owner.requests.within(this.identity, dialog, 'BYE'));
    this.#enter(now, ENDED);
  }

  /** A request within the dialog. Answers it. */
  asked(now: Instant, m: Request): void {
    const { dialog } = this;
    if (dialog === null) return;
    if (sequenceOf(m) < dialog.remoteSequence) {
      this.#say(now, m, 500, 'Server Internal Error');
      return;
    }
    dialog.remoteSequence = sequenceOf(m);
    this.#learn(m);
    switch (m.method) {
      case 'BYE':
        this.#say(now, m, 200, 'OK');
        this.#acceptance = null;
        this.#enter(now, ENDED);
        return;
      case 'INVITE':
      case 'UPDATE':
        this.#offered(now, dialog, m);
        return;
      case 'REFER':
        this.#say(now, m, 202, 'Accepted');
        return;
      default:
        this.#say(now, m, 200, 'OK');
    }
  }

  /** An offer within the dialog, or, in an INVITE without one, the wish for an offer. */
  #offered(now: Instant, dialog: Dialog, m: Request): void {
    if (this.#pending !== null || this.#acceptance !== null) {
      // Two offers that met (14.2).
      this.#say(now, m, this.#pending === null ? 500 : 491, this.#pending === null ? 'Not Yet' : 'Request Pending');
      return;
    }
    dialog.target = contactOf(m) ?? dialog.target;
    if (m.method === 'UPDATE' && sdpOf(m) === null) {
      this.#say(now, m, 200, 'OK');
      this.#owner.changed(now, this);
      return;
    }
    const said = this.#session === null ? null : this.#answerTo(this.#session, m);
    if (said === null) {
      this.#say(now, m, 488, 'Not Acceptable Here');
      return;
    }
    if (m.method === 'INVITE') this.#accept(now, m, dialog.localTag, said);
    else {
      const { requests } = this.#owner;
      this.#owner.respond(now, m, requests.response(this.identity, m, dialog.localTag, 200, 'OK', said.sdp));
    }
    this.#play(now);
    this.#owner.changed(now, this);
  }

  /** The answer to the offer of an INVITE, or an offer where it has none. */
  #answerTo(session: Session, m: Request): { readonly sdp: string; readonly offered: Direction | null } | null {
    const text = sdpOf(m);
    const wish = this.#wish();
    this.#told = wish;
    if (text === null) return { sdp: session.offer(wish), offered: wish };
    const sdp = session.answer(text, wish);
    return sdp === null ? null : { sdp, offered: null };
  }

  /** 200 to an INVITE, and again until the ACK comes. */
  #accept(
    now: Instant,
    invite: Request,
    tag: string,
    said: { readonly sdp: string; readonly offered: Direction | null },
  ): void {
    const m = this.#owner.requests.response(this.identity, invite, tag, 200, 'OK', said.sdp);
    this.#acceptance = new Acceptance(now, m, said.offered, this.#owner.timers);
    this.#owner.respond(now, invite, m);
  }

  acknowledged(now: Instant, m: Request): void {
    const acceptance = this.#acceptance;
    const { dialog } = this;
    if (acceptance === null || dialog === null || sequenceOf(m) !== acceptance.sequence) return;
    this.#acceptance = null;
    const offered = acceptance.offered;
    const fits = offered === null || (this.#session?.answered(sdpOf(m) ?? '', offered) ?? false);
    if (this.#endWhenAcknowledged || !fits) {
      this.#bye(now, dialog);
      return;
    }
    if (offered !== null) {
      this.#play(now);
      this.#owner.changed(now, this);
    }
    this.#settle(now);
  }

  /** The wish may have changed while an offer was on its way. */
  #settle(now: Instant): void {
    if (this.#told !== this.#wish()) this.#invite(now);
  }

  /** CANCEL of the INVITE that makes it ring. */
  cancelled(now: Instant): void {
    this.reject(now, 487, 'Request Terminated');
  }

  expire(now: Instant): void {
    if (now >= this.#retryAt) this.#invite(now);
    if (this.#acceptance === null || this.#acceptance.repeat(now, (octets) => this.#owner.write(octets))) return;
    this.#acceptance = null;
    const { dialog } = this;
    if (dialog !== null) this.#bye(now, dialog);
  }

  pollAt(): Instant {
    return earlier(this.#retryAt, this.#acceptance?.pollAt() ?? NEVER);
  }

  /** Talks and listens as was agreed. */
  #play(now: Instant): void {
    const agreed = this.#session?.agreed ?? null;
    const { media } = this.#owner;
    if (agreed === null) return;
    // Held by us it is silence, whatever the other side was offered.
    if (sends(agreed.direction) && !this.#held) media.send(now, this.id, agreed.to, agreed.format);
    else media.stopSending(now, this.id);
    if (receives(agreed.direction)) media.open(now, this.id, agreed.format);
  }

  /** Who is at the other end by now, and its Session-ID. */
  #learn(m: Message): void {
    const session = sessionOf(m);
    if (session !== '') this.identity.remoteSession = session;
    if (headerValue(m, 'Remote-Party-ID') === null) return;
    const other = partyOf(m);
    if (other !== '') this.other = other;
  }

  #say(now: Instant, to: Request, status: number, reason: string): void {
    this.#owner.respond(now, to, responseTo(to, { status, reason }, ''));
  }
}
