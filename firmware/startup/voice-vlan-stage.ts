import { earlier, type Instant } from '../../hal/timer.ts';
import type { TraceEvents } from '../../hal/trace.ts';
import { isMalformed } from '../malformed.ts';
import { CDP_GROUP, LLDP_GROUP } from '../net/interface.ts';
import type { PhonePolicy } from '../phone/config/phone-policy.ts';
import { CdpMachine, type CdpNeighbor, type CdpOut } from '../protocols/cdp.ts';
import { LldpMachine, type LldpOut } from '../protocols/lldp.ts';
import { VoiceVlanMachine, type VoiceVlanOut } from '../protocols/voice-vlan.ts';
import * as cdp from '../wire/cdp.ts';
import * as lldp from '../wire/lldp.ts';
import { Marks } from './marks.ts';
import type { PhoneContext } from './phone-context.ts';
import { PowerBargain } from './power-bargain.ts';
import type { Stage, StageOutput } from './stage.ts';

type Decided = Extract<VoiceVlanOut, { kind: 'decided' }>;

/**
 * Step 3: which VLAN is the phone's, by CDP and LLDP-MED. Both machines run from the first link-up to the end: they announce the phone, and
 * a switch may change its mind at any time. Nothing but their frames leaves before the decision.
 */
export class VoiceVlanStage implements Stage {
  readonly name = 'voice-vlan';
  readonly screenText = 'Configuring VLAN';
  readonly #phone: PhoneContext;
  readonly #cdp: CdpMachine;
  readonly #lldp: LldpMachine | null;
  readonly #decision: VoiceVlanMachine;
  #linkUp = false;
  #output: StageOutput | null = null;
  /** What was decided since the link came up. */
  #decided: Decided | null = null;
  readonly #power: PowerBargain;
  readonly #marks: Marks;
  /** What the configuration allows to be said. */
  #speaks = { cdp: true, lldp: true };

  constructor(phone: PhoneContext) {
    const { board, tunables, rng, power } = phone.hal;
    this.#phone = phone;
    this.#cdp = new CdpMachine(board.model, board.deviceName, tunables, rng);
    this.#lldp = board.model.lldp.supported ? new LldpMachine(board, tunables) : null;
    this.#decision = new VoiceVlanMachine(tunables);
    const external = power.source === 'external';
    this.#power = new PowerBargain(phone);
    this.#marks = new Marks(phone);
    this.#cdp.process(0, {
      kind: 'identity',
      load: phone.boot.load,
      ...(external ? { consumptionMilliwatts: 0 } : {}),
    });
    this.#lldp?.process(0, { kind: 'identity', load: phone.boot.load, externalPower: external });
  }

  enter(now: Instant): void {
    // Entered again for a VLAN that changed: the machine has its answer already.
    if (this.#decided !== null) {
      this.#apply(now, this.#decided);
      return;
    }
    this.#phone.stack.setVlan(now, 'undecided');
    if (!this.#linkUp) return;
    const { adminVlan } = this.#phone.settings.network();
    const lldpExpected = this.#lldp !== null;
    this.#decision.process(now, { kind: 'start', adminVlan, cdpExpected: true, lldpExpected });
  }

  undo(now: Instant): void {
    this.#decided = null;
    this.#phone.stack.setVlan(now, 'undecided');
  }

  /** Carrier came or went. Without it the phone is back at this step and waits. */
  link(now: Instant, up: boolean): void {
    if (up === this.#linkUp) return;
    this.#linkUp = up;
    const { hal } = this.#phone;
    const { speed, fullDuplex } = hal.nic.link();
    if (up) hal.trace.event('link.up', { speed });
    else hal.trace.event('link.down', {});
    this.#cdp.process(now, { kind: 'link', up, fullDuplex });
    this.#lldp?.process(now, { kind: 'link', up, fullDuplex });
    this.#decision.process(now, { kind: 'link', up });
    this.#decided = null;
    if (!up) {
      this.#power.forget();
      this.#marks.forget();
    }
    // This step was entered when the link was lost, or at the start, and has waited for it.
    if (up) this.enter(now);
    else this.#output = { kind: 'lost', reason: 'link.down' };
  }

  /** A frame of CDP or LLDP out of the stack. */
  discovered(now: Instant, kind: 'snap-cdp' | 'lldp', bytes: Uint8Array, offset: number, length: number): void {
    if (kind === 'snap-cdp') {
      const message = cdp.parse(bytes, offset, length);
      if (!isMalformed(message)) this.#cdp.process(now, { kind: 'received', message });
    } else if (this.#lldp !== null) {
      const message = lldp.parse(bytes, offset, length);
      if (!isMalformed(message)) this.#lldp.process(now, { kind: 'received', message });
    }
  }

  /** The address that the announcements carry, and the domain behind the LLDP system name; null for none. */
  announceAddress(now: Instant, address: number | null, domain: string | null): void {
    this.#cdp.process(now, { kind: 'identity', address });
    this.#lldp?.process(now, { kind: 'identity', address, domain: domain ?? '' });
  }

  /** What the configuration says about the two protocols, about power and about marks. */
  configure(now: Instant, policy: PhonePolicy): void {
    this.#speaks = { cdp: policy.cdp, lldp: policy.lldp };
    this.#cdp.process(now, { kind: 'identity', negotiatesPower: policy.powerNegotiation });
    this.#lldp?.process(now, { kind: 'identity', assetId: policy.assetId });
    this.#marks.configure(policy.tos);
  }

  /** The phone goes away: the neighbour hears it at once instead of after the hold time. */
  goodBye(now: Instant): void {
    this.#lldp?.process(now, { kind: 'shutdown' });
    this.#lldp?.dispatch(now, (out) => this.#obeyLldp(now, out));
  }

  dispatch(now: Instant, emit: (output: StageOutput) => void): void {
    if (this.#cdp.pollAt() <= now) this.#cdp.dispatch(now, (out) => this.#obeyCdp(now, out));
    if (this.#lldp !== null && this.#lldp.pollAt() <= now) this.#lldp.dispatch(now, (out) => this.#obeyLldp(now, out));
    if (this.#decision.pollAt() <= now) this.#decision.dispatch(now, (out) => this.#obeyDecision(now, out));
    const output = this.#output;
    this.#output = null;
    if (output !== null) emit(output);
  }

  pollAt(): Instant {
    if (this.#output !== null) return 0;
    const machines = earlier(this.#cdp.pollAt(), this.#decision.pollAt());
    return this.#lldp === null ? machines : earlier(machines, this.#lldp.pollAt());
  }

  #obeyCdp(now: Instant, out: CdpOut): void {
    const { stack, hal, facts } = this.#phone;
    switch (out.kind) {
      case 'send': {
        if (!this.#speaks.cdp) return;
        const length = cdp.lengthOf(out.message);
        const write = (into: Uint8Array, offset: number) => void cdp.emit(out.message, into, offset);
        stack.sendDiscovery(now, CDP_GROUP, 'snap-cdp', length, write, out.vlan);
        return;
      }
      case 'neighbor': {
        const { device, port, nativeVlan, voiceVlan } = out.neighbor;
        this.#tellPcPort(facts.neighbors.cdp, out.neighbor);
        facts.neighbors.cdp = out.neighbor;
        this.#traceNeighbor({
          device,
          port,
          nativeVlan,
          voiceVlan: typeof voiceVlan === 'number' ? voiceVlan : null,
          via: 'cdp',
        });
        return;
      }
      case 'voice-vlan':
        this.#decision.process(now, { kind: 'cdp', vlan: out.vlan });
        return;
      case 'silent':
        this.#decision.process(now, { kind: 'silent', protocol: 'cdp' });
        return;
      case 'power':
        this.#power.byCdp(out.availableMilliwatts, out.drawMilliwatts, out.refused);
        return;
      case 'low-power':
        this.#power.unspoken();
        return;
      case 'duplex-mismatch':
        hal.trace.debug(`CDP: duplex mismatch, the neighbour is ${out.neighborFullDuplex ? 'full' : 'half'} duplex`);
        return;
      case 'native-vlan':
        return;
      case 'expired':
        facts.neighbors.cdp = null;
        hal.trace.event('neighbor.lost', { device: out.device, port: out.port, via: 'cdp' });
        return;
    }
  }

  #obeyLldp(now: Instant, out: LldpOut): void {
    const { stack, hal, facts } = this.#phone;
    switch (out.kind) {
      case 'send': {
        if (!this.#speaks.lldp) return;
        const octets = out.octets;
        const write = (into: Uint8Array, offset: number) => into.set(octets, offset);
        stack.sendDiscovery(now, LLDP_GROUP, 'lldp', octets.length, write, null);
        return;
      }
      case 'neighbor': {
        const { device, port, nativeVlan, voiceVlan } = out.neighbor;
        facts.neighbors.lldp = out.neighbor;
        this.#traceNeighbor({ device, port, nativeVlan, voiceVlan, via: 'lldp' });
        return;
      }
      case 'policy':
        this.#marks.policy(out.application, out.policy);
        if (out.application === lldp.APPLICATION.voice) {
          this.#decision.process(now, { kind: 'lldp', policy: out.policy });
        }
        return;
      case 'silent':
        this.#decision.process(now, { kind: 'silent', protocol: 'lldp' });
        return;
      case 'power':
        this.#power.byLldp(out.via === 'med' ? 'lldp-med' : '802.3', out.availableMilliwatts);
        return;
      case 'expired':
        facts.neighbors.lldp = null;
        hal.trace.event('neighbor.lost', { device: out.device, port: out.port, via: 'lldp' });
        return;
    }
  }

  #obeyDecision(now: Instant, out: VoiceVlanOut): void {
    const { hal } = this.#phone;
    if (out.kind === 'overruled') {
      hal.trace.event('vlan.overruled', { vlan: out.vlan, source: out.source });
      return;
    }
    if (out.overruled !== undefined) hal.trace.event('vlan.overruled', out.overruled);
    const { vlan, priority, dscp, source } = out;
    hal.trace.event('vlan.learned', { vlan, source, priority, dscp });
    const before = this.#decided;
    this.#decided = out;
    if (before === null) this.#apply(now, out);
    // The network changed its mind: everything behind this step was done on a VLAN that is not ours any more.
    else if (before.vlan !== vlan) this.#output = { kind: 'lost', reason: 'vlan.changed' };
    else this.#lldp?.process(now, { kind: 'vlan', vlan, priority, dscp });
  }

  #apply(now: Instant, decided: Decided): void {
    const { vlan, priority, dscp, source } = decided;
    const { stack, facts } = this.#phone;
    facts.vlan = vlan;
    stack.setVlan(now, { vlan, priority: 0 });
    this.#cdp.process(now, { kind: 'vlan', vlan });
    this.#lldp?.process(now, { kind: 'vlan', vlan, priority, dscp });
    this.#output = source === 'none' ? { kind: 'skipped', reason: 'vlan.none' } : { kind: 'done', reason: source };
  }

  /** How the phone's own switch treats frames from the PC port, when that is new. */
  #tellPcPort(before: CdpNeighbor | null, { extendTrust, untrustedCos }: CdpNeighbor): void {
    if (before?.extendTrust === extendTrust && before.untrustedCos === untrustedCos) return;
    this.#phone.hal.trace.event('neighbor.pc-port', { extendTrust, untrustedCos });
  }

  #traceNeighbor(neighbor: TraceEvents['neighbor']): void {
    this.#phone.hal.trace.event('neighbor', neighbor);
  }
}
