/**
 * Calls between phones, as CUCM makes them: two dialogs, one with each phone, whose INVITEs, answers and SDP are passed on; transfer by REFER is done here, so that
 * the phone that is handed on hears no more of it than a new offer.
 *
 *     A --INVITE--> | --INVITE--> B         A hands B on to C (REFER with Replaces):   C <--INVITE, no SDP--
 *       <--180--    |  <--180--                                                          --200, offer--> INVITE --> B
 *       <--200--    |  <--200--                                                          <--ACK, answer-- 200 <--
 *       --ACK-->    |  --ACK-->
 */

import { parameter, parseAddress, parseVia, split } from '../../firmware/wire/sip/grammar.ts';
import {
  encode,
  type Header,
  headerValue,
  NO_BODY,
  type Request,
  type Response,
} from '../../firmware/wire/sip/message.ts';
import { parseUri } from '../../firmware/wire/sip/uri.ts';
import type { Instant } from '../../hal/timer.ts';
import { ALLOW, contactFor, contactIn, Leg, type Letterhead, legRequest, sameHop, sequenceIn, tagIn } from './leg.ts';
import type { Peer } from './peer.ts';
import type { Repeats } from './repeats.ts';
import { response, SERVER } from './stationery.ts';

/** A phone that can be called now. */
export interface Callee {
  readonly peer: Peer;
  /** Its Contact. */
  readonly contactUri: string;
}

export interface SwitchboardOwner {
  /** Null for a number that nobody has; `absent` while its phone is not registered. */
  calleeOf(number: string): Callee | 'absent' | null;
  letterhead(): Letterhead;
  readonly repeats: Repeats;
  readonly now: () => Instant;
}

export interface SwitchboardCounters {
  /** INVITEs that began a call, and calls that were answered. */
  calls: number;
  answered: number;
  transfers: number;
}

type Then = (m: Response) => void;

const OK = 'OK';

export class Switchboard {
  readonly counters: SwitchboardCounters = { calls: 0, answered: 0, transfers: 0 };
  readonly #owner: SwitchboardOwner;
  readonly #legs = new Map<string, Leg>();
  /** Requests that wait for a final response, by branch. */
  readonly #asked = new Map<string, { readonly leg: Leg; readonly request: Request; readonly then: Then }>();
  /** The last answer to each request of a leg over UDP, for those that come again. */
  readonly #said = new Map<string, Uint8Array>();

  constructor(owner: SwitchboardOwner) {
    this.#owner = owner;
  }

  /** Calls that are set up or being set up, in legs. */
  get legs(): number {
    return this.#legs.size;
  }

  clear(): void {
    this.#legs.clear();
    this.#asked.clear();
    this.#said.clear();
  }

  /** The phone at this peer is gone: its calls end for the others. */
  gone(peer: Peer): void {
    for (const leg of [...this.#legs.values()]) if (leg.peer === peer) this.#hangUp(leg);
  }

  /** False for a request that has nothing to do with calls. */
  asks(peer: Peer, m: Request): boolean {
    if (this.#isRepeated(peer, m)) return true;
    const leg = this.#legs.get(headerValue(m, 'Call-ID')!);
    if (leg === undefined) {
      if (m.method === 'INVITE' && tagIn(headerValue(m, 'To')) === '') this.#call(peer, m);
      else if (m.method === 'BYE' || m.method === 'CANCEL' || m.method === 'INVITE') {
        this.#say(peer, m, 481, 'Call/Transaction Does Not Exist');
      } else if (m.method === 'ACK') this.#owner.repeats.answered(finalKeyOf(m));
      else return false;
      return true;
    }
    switch (m.method) {
      case 'INVITE':
        this.#offers(leg, m);
        return true;
      case 'ACK':
        this.#acknowledges(leg, m);
        return true;
      case 'CANCEL':
        this.#cancels(leg, m);
        return true;
      case 'BYE':
        this.#say(peer, m, 200, OK);
        this.#hangUp(leg);
        return true;
      case 'REFER':
        this.#refers(leg, m);
        return true;
      default:
        this.#say(peer, m, 200, OK);
        return true;
    }
  }

  /** A request that has been answered gets the same answer (17.2); one whose answer is still out gets none. */
  #isRepeated(peer: Peer, m: Request): boolean {
    if (peer.transport !== 'udp' || m.method === 'ACK') return false;
    const key = `${branchIn(m)} ${m.method}`;
    const said = this.#said.get(key);
    if (said === undefined) return false;
    peer.send(this.#owner.now(), said);
    return true;
  }

  answers(m: Response): boolean {
    const branch = branchIn(m);
    const asked = this.#asked.get(`${branch} ${headerValue(m, 'CSeq')?.split(' ').at(-1)}`);
    if (asked === undefined) {
      // A 200 that comes again: its ACK was lost.
      const leg = this.#legs.get(headerValue(m, 'Call-ID') ?? '');
      const again = leg?.lastAck;
      if (again !== undefined && m.status < 300) leg!.peer.send(this.#owner.now(), again);
      return leg !== undefined;
    }
    const { leg, request, then } = asked;
    this.#owner.repeats.answered(keyOf(request));
    if (m.status >= 200) {
      this.#asked.delete(`${branch} ${request.method}`);
      if (request.method === 'INVITE') {
        leg.asking = null;
        if (m.status >= 300) leg.peer.send(this.#owner.now(), encode(sameHop(request, 'ACK', headerValue(m, 'To'))));
        else this.#learn(leg, m);
      }
    } else if (request.method === 'INVITE') leg.proceeding = true;
    then(m);
    return true;
  }

  #learn(leg: Leg, m: Response): void {
    leg.remoteTag = tagIn(headerValue(m, 'To'));
    leg.target = contactIn(m) ?? leg.target;
  }

  #call(peer: Peer, m: Request): void {
    const number = numberIn(m.uri);
    const callee = this.#owner.calleeOf(number);
    const caller = this.#legOfCaller(peer, m);
    this.counters.calls++;
    if (callee === null || callee === 'absent' || caller === null) {
      const [status, reason] = callee === 'absent' ? [480, 'Temporarily Not Available'] : [404, 'Not Found'];
      this.#say(peer, m, status, reason);
      return;
    }
    this.#legs.set(caller.callId, caller);
    caller.asked = m;
    this.#respond(caller, m, 100, 'Trying');
    const called = this.#newLeg(callee, number, caller.number);
    join(caller, called);
    this.#invite(called, m.body, [party(this.#owner.letterhead().node, caller.number)], (answer) =>
      this.#calledAnswers(caller, called, answer),
    );
  }

  #legOfCaller(peer: Peer, m: Request): Leg | null {
    const target = contactIn(m);
    if (target === null) return null;
    const of = {
      callId: headerValue(m, 'Call-ID')!,
      localTag: this.#owner.letterhead().id,
      localUri: parseAddress(headerValue(m, 'To')!)!.uri,
      remoteUri: parseAddress(headerValue(m, 'From')!)!.uri,
      number: numberIn(parseAddress(headerValue(m, 'From')!)!.uri),
      target,
    };
    return new Leg(peer, of, tagIn(headerValue(m, 'From')));
  }

  #newLeg({ peer, contactUri }: Callee, number: string, from: string): Leg {
    const { node, id } = this.#owner.letterhead();
    const leg = new Leg(peer, {
      callId: `${id}@${node}`,
      localTag: `${id}~`,
      localUri: `sip:${from}@${node}`,
      remoteUri: `sip:${number}@${node}`,
      number,
      target: contactUri,
    });
    this.#legs.set(leg.callId, leg);
    return leg;
  }

  #calledAnswers(caller: Leg, called: Leg, m: Response): void {
    const asked = caller.asked;
    if (asked === null) {
      // Taken back meanwhile.
      if (m.status < 200) this.#takeBack(called);
      else if (m.status < 300) {
        called.unacknowledged = m;
        called.up = true;
        this.#end(called);
      }
      return;
    }
    if (m.status < 200) {
      if (m.status > 100) this.#respond(caller, asked, m.status, m.reason, NO_BODY, called);
      return;
    }
    caller.asked = null;
    this.#respond(caller, asked, m.status, m.reason, m.status < 300 ? m.body : NO_BODY, called);
    if (m.status >= 300) {
      this.#forget(caller);
      this.#forget(called);
      return;
    }
    this.counters.answered++;
    called.unacknowledged = m;
    caller.up = true;
    called.up = true;
  }

  /** A phone offers something else within its call: hold, resume. The other side answers it. */
  #offers(leg: Leg, m: Request): void {
    const { other } = leg;
    leg.target = contactIn(m) ?? leg.target;
    if (other === null || leg.asked !== null || leg.asking !== null || other.asking !== null) {
      this.#respond(leg, m, other === null ? 500 : 491, other === null ? 'Nobody There' : 'Request Pending');
      return;
    }
    leg.asked = m;
    this.#respond(leg, m, 100, 'Trying');
    this.#invite(other, m.body, [], (answer) => {
      if (answer.status < 200 || leg.asked !== m) return;
      leg.asked = null;
      this.#respond(leg, m, answer.status, answer.reason, answer.status < 300 ? answer.body : NO_BODY, other);
      if (answer.status < 300) other.unacknowledged = answer;
    });
  }

  /** The ACK goes through: it may carry the answer to an offer that stood in the 200. */
  #acknowledges(leg: Leg, m: Request): void {
    this.#owner.repeats.answered(finalKeyOf(m));
    const { other } = leg;
    if (other === null || other.unacknowledged === null) return;
    this.#acknowledge(other, m.body);
  }

  #acknowledge(leg: Leg, body: Uint8Array): void {
    const m = leg.unacknowledged;
    leg.unacknowledged = null;
    if (m === null) return;
    leg.lastAck = encode(legRequest(this.#owner.letterhead(), leg, 'ACK', { body, sequence: sequenceIn(m) }));
    leg.peer.send(this.#owner.now(), leg.lastAck);
  }

  #cancels(leg: Leg, m: Request): void {
    const { asked, other } = leg;
    this.#say(leg.peer, m, asked === null ? 481 : 200, asked === null ? 'Call/Transaction Does Not Exist' : OK);
    if (asked === null || leg.up) return;
    leg.asked = null;
    this.#respond(leg, asked, 487, 'Request Terminated');
    this.#forget(leg);
    if (other !== null) this.#end(other);
  }

  /** Ends a leg from this side, in whatever state it is. */
  #end(leg: Leg): void {
    if (leg.asked !== null) {
      const { asked } = leg;
      leg.asked = null;
      this.#respond(leg, asked, leg.up ? 500 : 487, 'Request Terminated');
    }
    if (leg.asking !== null && !leg.up) {
      if (leg.proceeding) this.#takeBack(leg);
      return;
    }
    this.#acknowledge(leg, NO_BODY);
    this.#ask(leg, legRequest(this.#owner.letterhead(), leg, 'BYE'), () => {});
    this.#forget(leg);
  }

  #takeBack(leg: Leg): void {
    const { asking } = leg;
    if (asking === null) return;
    this.#ask(leg, sameHop(asking, 'CANCEL', null), () => {});
    this.#forget(leg);
  }

  /** The phone of a leg has hung up, or is gone. */
  #hangUp(leg: Leg): void {
    const { other } = leg;
    this.#forget(leg);
    if (other !== null) this.#end(other);
  }

  #forget(leg: Leg): void {
    this.#legs.delete(leg.callId);
    if (leg.other?.other === leg) leg.other.other = null;
    leg.other = null;
    if (this.#legs.size === 0) this.#said.clear();
  }

  #refers(leg: Leg, m: Request): void {
    const address = parseAddress(headerValue(m, 'Refer-To') ?? '');
    const { other } = leg;
    if (address === null || other === null) {
      this.#say(leg.peer, m, 400, 'Bad Request - Refer-To');
      return;
    }
    this.#say(leg.peer, m, 202, 'Accepted');
    this.counters.transfers++;
    const [uri = '', headers = ''] = address.uri.split('?', 2);
    const replaces = /(?:^|&)Replaces=([^&;]*)/i.exec(headers)?.[1];
    const second = replaces === undefined ? null : this.#legs.get(decodeURIComponent(replaces).split(';')[0]!);
    const third = second?.other ?? null;
    this.#notify(leg, '100 Trying', 'active;expires=60');
    if (replaces !== undefined) {
      if (third === null) this.#notify(leg, '481 Call/Transaction Does Not Exist', 'terminated;reason=noresource');
      else this.#connect(leg, other, third);
      return;
    }
    const number = numberIn(uri);
    const callee = this.#owner.calleeOf(number);
    if (callee === null || callee === 'absent') {
      this.#notify(leg, '404 Not Found', 'terminated;reason=noresource');
    } else this.#connect(leg, other, this.#newLeg(callee, number, other.number));
  }

  /** `third` is asked for an offer, which `other` answers; then the two have each other, and `leg` nobody. */
  #connect(leg: Leg, other: Leg, third: Leg): void {
    const isNew = !third.up;
    const headers = isNew ? [party(this.#owner.letterhead().node, other.number)] : [];
    this.#invite(third, NO_BODY, headers, (offer) => {
      if (offer.status < 200) return;
      if (offer.status >= 300) {
        this.#notify(leg, `${offer.status} ${offer.reason}`, 'terminated;reason=noresource');
        if (isNew) this.#forget(third);
        return;
      }
      third.unacknowledged = offer;
      third.up = true;
      this.#invite(other, offer.body, [], (answer) => {
        if (answer.status < 200) return;
        this.#acknowledge(third, answer.status < 300 ? answer.body : NO_BODY);
        if (answer.status >= 300) {
          this.#end(third);
          return;
        }
        other.unacknowledged = answer;
        this.#acknowledge(other, NO_BODY);
        const second = third.other;
        if (second !== null) second.other = null;
        leg.other = null;
        join(other, third);
        this.#notify(leg, '200 OK', 'terminated;reason=noresource');
      });
    });
  }

  #notify(leg: Leg, status: string, subscription: string): void {
    const headers = [
      { name: 'Event', value: 'refer' },
      { name: 'Subscription-State', value: subscription },
      { name: 'Content-Type', value: 'message/sipfrag;version=2.0' },
    ];
    const body = new TextEncoder().encode(`SIP/2.0 ${status}\r\n`);
    this.#ask(leg, legRequest(this.#owner.letterhead(), leg, 'NOTIFY', { headers, body }), () => {});
  }

  #invite(leg: Leg, body: Uint8Array, further: readonly Header[], then: Then): void {
    const { node, id } = this.#owner.letterhead();
    const headers = [
      { name: 'Allow', value: ALLOW },
      { name: 'Supported', value: 'replaces,X-cisco-srtp-fallback,X-cisco-original-called' },
      { name: 'Expires', value: '180' },
      { name: 'Allow-Events', value: 'presence, kpml' },
      { name: 'Call-Info', value: `<sip:${node}>;method="NOTIFY;Event=telephone-event;Duration=500"` },
      { name: 'Cisco-Guid', value: guidOf(id) },
      ...further,
    ];
    const m = legRequest(this.#owner.letterhead(), leg, 'INVITE', { headers, body });
    leg.asking = m;
    leg.proceeding = false;
    this.#ask(leg, m, then);
  }

  #ask(leg: Leg, m: Request, then: Then): void {
    this.#asked.set(`${branchIn(m)} ${m.method}`, { leg, request: m, then });
    const octets = encode(m);
    leg.peer.send(this.#owner.now(), octets);
    if (leg.peer.transport === 'udp') this.#owner.repeats.add(keyOf(m), leg.peer, octets);
  }

  /** A response within a call; the other party is named in it. */
  #respond(leg: Leg, to: Request, status: number, reason: string, body = NO_BODY, other: Leg | null = leg.other): void {
    const letterhead = this.#owner.letterhead();
    const headers: Header[] = [
      { name: 'Date', value: letterhead.date },
      { name: 'Server', value: SERVER },
      { name: 'Allow', value: ALLOW },
    ];
    if (status > 100 && status < 300) {
      headers.push(contactFor(letterhead, leg));
      if (other !== null) {
        const value = `<sip:${other.number}@${letterhead.node}>;party=called;screen=yes;privacy=off`;
        headers.push({ name: 'Remote-Party-ID', value });
      }
      if (body.length > 0) headers.push({ name: 'Content-Type', value: 'application/sdp' });
    }
    const m = { ...response(to, status, reason, status === 100 ? {} : { tag: leg.localTag, headers }), body };
    const octets = encode(m);
    leg.peer.send(this.#owner.now(), octets);
    if (leg.peer.transport !== 'udp') return;
    this.#said.set(`${branchIn(to)} ${to.method}`, octets);
    // Until the ACK comes (13.3.1.4, 17.2.1).
    if (to.method === 'INVITE' && status >= 200) this.#owner.repeats.add(finalKeyOf(to), leg.peer, octets);
  }

  #say(peer: Peer, to: Request, status: number, reason: string): void {
    const { id, date } = this.#owner.letterhead();
    const headers = [
      { name: 'Date', value: date },
      { name: 'Server', value: SERVER },
    ];
    const octets = encode(response(to, status, reason, { tag: id, headers }));
    peer.send(this.#owner.now(), octets);
    if (peer.transport === 'udp') this.#said.set(`${branchIn(to)} ${to.method}`, octets);
  }
}

/** `branch` of the topmost Via. */
function branchIn(m: Request | Response): string {
  const via = parseVia(split(headerValue(m, 'Via') ?? '', ',')?.[0] ?? '');
  return via === null ? '' : (parameter(via.parameters, 'branch') ?? '');
}

function join(one: Leg, two: Leg): void {
  one.other = two;
  two.other = one;
}

function keyOf(m: Request): string {
  return `${headerValue(m, 'Call-ID')} ${headerValue(m, 'CSeq')}`;
}

/** Of the final answer to an INVITE, and of the ACK to it. */
function finalKeyOf(m: Request): string {
  return `final ${headerValue(m, 'Call-ID')} ${sequenceIn(m)}`;
}

function numberIn(uri: string): string {
  const parsed = parseUri(uri);
  return parsed !== null && 'user' in parsed ? (parsed.user ?? '') : '';
}

function party(node: string, number: string): Header {
  return {
    name: 'Remote-Party-ID',
    value: `<sip:${number}@${node}>;party=calling;screen=yes;privacy=off`,
  };
}

/** Four 32-bit numbers in decimal (public logs of CUCM). */
function guidOf(id: string): string {
  let hash = 0x811c_9dc5;
  for (const character of id) hash = Math.imul(hash ^ character.charCodeAt(0), 0x0100_0193) >>> 0;
  return [hash, 65_536, 1, 1].map((word) => String(word).padStart(10, '0')).join('-');
}
