import { isMalformed } from '../firmware/malformed.ts';
import { CDP_GROUP, type DiscoveryKind, LLDP_GROUP } from '../firmware/net/interface.ts';
import { CdpMachine, type CdpNeighbor, type CdpOut, type VoiceVlan } from '../firmware/protocols/cdp.ts';
import { LldpMachine, type LldpNeighbor, type LldpOut } from '../firmware/protocols/lldp.ts';
import * as cdp from '../firmware/wire/cdp.ts';
import * as lldp from '../firmware/wire/lldp.ts';
import type { Board } from '../hal/board.ts';
import type { Rng } from '../hal/rng.ts';
import { earlier, type Instant } from '../hal/timer.ts';
import type { TunableValues } from '../hal/tunables.ts';
import type { Part, Station } from './station.ts';

/** What the port at the other end says, asked as a phone asks: a switch names its voice VLAN to phones only. */
export class Neighbors implements Part {
  cdp: CdpNeighbor | null = null;
  lldp: LldpNeighbor | null = null;
  /** By CDP; null while it has said nothing. */
  cdpVlan: VoiceVlan | null = null;
  /** By LLDP-MED for voice; null while it has said nothing, or that there is none. */
  policy: lldp.Policy | null = null;
  availableMilliwatts: number | null = null;
  /** Every query went unanswered. */
  cdpSilent = false;
  lldpSilent = false;
  readonly #station: () => Station;
  readonly #cdp: CdpMachine;
  readonly #lldp: LldpMachine;

  /** @param station known once this part hears. */
  constructor(board: Board, tunables: TunableValues, rng: Rng, station: () => Station) {
    this.#station = station;
    this.#cdp = new CdpMachine(board.model, board.deviceName, tunables, rng);
    this.#lldp = new LldpMachine(board, tunables);
    // It has its supply already and asks for nothing: a grant would be booked on the port.
    this.#cdp.process(0, { kind: 'identity', consumptionMilliwatts: 0 });
    this.#lldp.process(0, { kind: 'identity', externalPower: true });
  }

  /** Begins to ask. */
  start(now: Instant, fullDuplex: boolean): void {
    this.#cdp.process(now, { kind: 'link', up: true, fullDuplex });
    this.#lldp.process(now, { kind: 'link', up: true, fullDuplex });
  }

  /** LLDP's good-bye; CDP has none. Then silence. */
  stop(now: Instant): void {
    this.#lldp.process(now, { kind: 'shutdown' });
    this.#cdp.process(now, { kind: 'link', up: false, fullDuplex: true });
    this.dispatch(now);
  }

  hear(now: Instant, kind: DiscoveryKind, bytes: Uint8Array, offset: number, length: number): void {
    if (kind === 'snap-cdp') {
      const message = cdp.parse(bytes, offset, length);
      if (!isMalformed(message)) this.#cdp.process(now, { kind: 'received', message });
    } else {
      const message = lldp.parse(bytes, offset, length);
      if (!isMalformed(message)) this.#lldp.process(now, { kind: 'received', message });
    }
  }

  dispatch(now: Instant): void {
    this.#cdp.dispatch(now, (out) => this.#obeyCdp(now, out));
    this.#lldp.dispatch(now, (out) => this.#obeyLldp(now, out));
  }

  pollAt(): Instant {
    return earlier(this.#cdp.pollAt(), this.#lldp.pollAt());
  }

  #obeyCdp(now: Instant, out: CdpOut): void {
    if (out.kind === 'send') {
      const { message, vlan } = out;
      const write = (into: Uint8Array, offset: number): void => void cdp.emit(message, into, offset);
      this.#station().stack.sendDiscovery(now, CDP_GROUP, 'snap-cdp', cdp.lengthOf(message), write, vlan);
    } else if (out.kind === 'neighbor') this.cdp = out.neighbor;
    else if (out.kind === 'voice-vlan') this.cdpVlan = out.vlan;
    else if (out.kind === 'power') this.availableMilliwatts = out.availableMilliwatts;
    else if (out.kind === 'silent') this.cdpSilent = true;
  }

  #obeyLldp(now: Instant, out: LldpOut): void {
    if (out.kind === 'send') {
      const { octets } = out;
      const write = (into: Uint8Array, offset: number): void => into.set(octets, offset);
      this.#station().stack.sendDiscovery(now, LLDP_GROUP, 'lldp', octets.length, write);
    } else if (out.kind === 'neighbor') this.lldp = out.neighbor;
    else if (out.kind === 'policy') {
      if (out.application === lldp.APPLICATION.voice) this.policy = out.policy;
    } else if (out.kind === 'power') this.availableMilliwatts ??= out.availableMilliwatts;
    else if (out.kind === 'silent') this.lldpSilent = true;
  }
}
