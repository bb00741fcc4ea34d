/**
 * The lab on a real wire. The same switch, router and servers as in a virtual world, and one port of the switch leads out: what is on the wire
 * sees one switch port with a voice VLAN, and behind it the servers.
 *
 * It says nothing but questions until it has listened (`WireSurvey`); it answers only stations of its MAC ranges; and when somebody else turns out to
 * be there, then or later, it stops, unless it was told to serve beside others.
 */

import { mac as macAt } from '../firmware/wire/octets.ts';
import type { LinkState, Mac } from '../hal/nic.ts';
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Duration, type Instant, MINUTE, NEVER, SECOND } from '../hal/timer.ts';
import type { WireEnd, WireReceiver } from '../hal/wire-end.ts';
import type { CallManagerEvent } from './call-manager/call-manager-options.ts';
import { Lab } from './lab.ts';
import { DEAF, type LabEvent } from './lab-event.ts';
import type { LabOptions } from './lab-options.ts';
import { ASKING_STATION, isAskingStation, isLabMac, labMac } from './networks.ts';
import { PHONE_PORT } from './switch/port-options.ts';
import { type Conflict, WireSurvey } from './wire-survey.ts';

/** Both ends are in it. */
export interface MacRange {
  readonly first: Mac;
  readonly last: Mac;
}

export type RealWireOutcome =
  /** Nobody else was heard; services run. */
  | { readonly state: 'serving' }
  /** Somebody else is there: services do not run, or no longer. */
  | { readonly state: 'refused'; readonly conflicts: readonly Conflict[] };

export interface RealWireOptions extends Omit<LabOptions, 'events' | 'protected' | 'powerBudget'> {
  readonly timeline: Timeline;
  readonly wire: WireEnd;
  /** Stations that are answered. */
  readonly macRanges: readonly MacRange[];
  /** Answers everybody. */
  readonly serveAny?: boolean;
  /** Serves although somebody else is there; each is still told as an event. */
  readonly besideOthers?: boolean;
  /** How long it listens before it serves. */
  readonly listen?: Duration;
  /** Called when it begins to serve, and when it refuses or stops. */
  readonly outcome: (now: Instant, outcome: RealWireOutcome) => void;
  readonly events?: (at: Instant, event: LabEvent | CallManagerEvent) => void;
}

export interface RealWireCounters {
  /** Frames of stations that are not ours to serve. */
  foreign: number;
  received: number;
  transmitted: number;
}

/** Long enough for three rounds of questions. A switch that speaks once a minute is found later, while serving. */
const DEFAULT_LISTEN: Duration = 3 * SECOND;
const ROUNDS = 3;
const ASK_AGAIN: Duration = 5 * MINUTE;

/**
 * A phone out of a maker's factory has an address of that maker's. It is not given trust lists unless `trustedStations` says so: with ours installed it would refuse the files
 * of its own cluster from then on.
 */
function isLocallyAdministered(mac: Mac): boolean {
  return (Math.floor(mac / 2 ** 40) & 0x02) !== 0;
}

type State = 'new' | 'listening' | 'serving' | 'refused' | 'stopped';

export class RealWireLab {
  readonly lab: Lab;
  readonly counters: RealWireCounters = { foreign: 0, received: 0, transmitted: 0 };
  readonly #options: RealWireOptions;
  readonly #survey: WireSurvey;
  readonly #alarm: Alarm;
  readonly #inside: GuardedEnd;
  readonly #conflicts: Conflict[] = [];
  #state: State = 'new';
  #rounds = 0;

  constructor(options: RealWireOptions) {
    this.#options = options;
    const { timeline, voiceVlan = 100, dataVlan = 1 } = options;
    this.lab = new Lab({ trustedStations: isLocallyAdministered, ...options, events: options.events ?? DEAF });
    const { lab } = this;
    // The wire's own phones have power of their own: it is not this switch that feeds them.
    const port = { ...PHONE_PORT, ...options.ports, nativeVlan: dataVlan, voiceVlan, poe: false };
    this.#inside = new GuardedEnd((bytes, length) => this.#transmit(bytes, length));
    lab.connectWire(this.#inside, port, 'GigabitEthernet1/0/1');
    const tagged = typeof voiceVlan === 'number' && voiceVlan !== dataVlan ? [voiceVlan] : [];
    this.#survey = new WireSurvey({
      isOwn: (mac) => isLabMac(lab.instance, mac),
      mac: labMac(lab.instance, ASKING_STATION),
      networks: [
        { vlan: null, addresses: lab.addressesIn(dataVlan) },
        ...tagged.map((vlan) => ({ vlan, addresses: lab.addressesIn(vlan) })),
      ],
      found: (conflict) => this.#found(conflict),
    });
    this.#alarm = timeline.createAlarm(() => this.#ask());
  }

  get state(): State {
    return this.#state;
  }

  /** Own stations: what an interface has to let through besides groups. More of them when the voice VLAN is changed to a new one. */
  get macs(): readonly Mac[] {
    const { instance, machines } = this.lab;
    return [...[...machines.values()].map(({ host }) => host.nic.mac), labMac(instance, ASKING_STATION)];
  }

  /** Begins to listen; `outcome` is called later. */
  start(): void {
    if (this.#state !== 'new') throw new Error('started twice');
    this.#state = 'listening';
    this.#options.wire.attach({
      frame: (bytes, length) => this.#receive(bytes, length),
      link: () => this.#inside.setLink(this.#linkInside()),
    });
    this.#ask();
  }

  /** Closes everything and falls silent at once: nothing that closing would say reaches the wire any more. */
  stop(): void {
    if (this.#state === 'serving') this.lab.stop();
    this.#state = 'stopped';
    this.#alarm.arm(NEVER);
    this.#inside.setLink(LINK_DOWN);
  }

  #receive(bytes: Uint8Array, length: number): void {
    if (this.#state !== 'listening' && this.#state !== 'serving') return;
    this.counters.received += 1;
    this.#survey.hear(bytes, length);
    if (this.#state !== 'serving') return;
    if (this.#serves(macAt(bytes, 6))) this.#inside.receiver?.frame(bytes, length);
    else this.counters.foreign += 1;
  }

  #serves(mac: Mac): boolean {
    // Our own frames may come back from the interface.
    if (isLabMac(this.lab.instance, mac)) return false;
    // Another lab asks who is there: it has to hear that we are.
    if (isAskingStation(mac)) return true;
    return (
      this.#options.serveAny === true || this.#options.macRanges.some(({ first, last }) => mac >= first && mac <= last)
    );
  }

  #transmit(bytes: Uint8Array, length: number): void {
    if (this.#state !== 'serving') return;
    this.counters.transmitted += 1;
    this.#options.wire.transmit(bytes, length);
  }

  /** Three rounds while listening, then one every five minutes. */
  #ask(): void {
    const { wire, timeline, listen = DEFAULT_LISTEN } = this.#options;
    if (this.#state === 'listening' && this.#rounds === ROUNDS) {
      this.#serve();
      return;
    }
    if (wire.link().up) {
      this.#survey.ask((bytes, length) => wire.transmit(bytes, length));
      this.#rounds += 1;
    }
    const wait = this.#state === 'listening' ? Math.ceil(listen / ROUNDS) : ASK_AGAIN;
    this.#alarm.arm(timeline.now() + wait);
  }

  #serve(): void {
    const now = this.#options.timeline.now();
    this.#state = 'serving';
    this.#alarm.arm(now + ASK_AGAIN);
    this.lab.start();
    this.#inside.setLink(this.#linkInside());
    this.#options.outcome(now, { state: 'serving' });
  }

  #found(conflict: Conflict): void {
    const now = this.#options.timeline.now();
    const refused = this.#options.besideOthers !== true;
    this.#options.events?.(now, { type: 'conflict', ...conflict, refused });
    this.#conflicts.push(conflict);
    if (!refused || this.#state === 'refused') return;
    if (this.#state === 'serving') this.lab.stop();
    this.#state = 'refused';
    this.#alarm.arm(NEVER);
    this.#inside.setLink(LINK_DOWN);
    this.#options.outcome(now, { state: 'refused', conflicts: [...this.#conflicts] });
  }

  #linkInside(): LinkState {
    return this.#state === 'serving' ? this.#options.wire.link() : LINK_DOWN;
  }
}

const LINK_DOWN: LinkState = { up: false, speed: 0, fullDuplex: false };

/** The switch's end: it has link only while the lab serves, so that the switch itself is silent before. */
class GuardedEnd implements WireEnd {
  receiver: WireReceiver | null = null;
  readonly #transmit: (bytes: Uint8Array, length: number) => void;
  #link = LINK_DOWN;

  constructor(transmit: (bytes: Uint8Array, length: number) => void) {
    this.#transmit = transmit;
  }

  transmit(bytes: Uint8Array, length: number): void {
    this.#transmit(bytes, length);
  }

  attach(receiver: WireReceiver): void {
    this.receiver = receiver;
    receiver.link(this.#link);
  }

  link(): LinkState {
    return this.#link;
  }

  setLink(state: LinkState): void {
    this.#link = state;
    this.receiver?.link(state);
  }
}
