import type { Ipv4 } from '../../hal/nic.ts';
import { earlier, type Instant, MILLISECOND, NEVER, SECOND } from '../../hal/timer.ts';
import type { NetworkSettings } from '../../storage/settings.ts';
import { isMalformed } from '../malformed.ts';
import type { UdpSocket } from '../net/sockets.ts';
import { DhcpClient, type DhcpOut } from '../protocols/dhcp.ts';
import type { Lease } from '../protocols/dhcp-lease.ts';
import { ipv4Text } from '../wire/address.ts';
import * as dhcp from '../wire/dhcp.ts';
import { forgetLease, loadLease, saveLease } from './lease-memory.ts';
import { NO_VLAN_YET, type PhoneContext } from './phone-context.ts';
import type { Stage, StageOutput } from './stage.ts';

const BROADCAST = 0xffff_ffff;

/** What a static address cannot do without, as the phone's menu calls it. */
const MISSING = { address: 'IP Address', mask: 'Subnet Mask', tftp1: 'TFTP Server 1' } as const;

/** Between RELEASE and the address coming off the interface: ARP may have to find the server first. */
const RELEASE_TIME = 500 * MILLISECOND;

export type AddressAnnouncer = (now: Instant, address: Ipv4 | null, domain: string | null) => void;

/**
 * Step 4: an IP address by DHCP, or the static one out of the settings. DHCP wins when it is on and static values are stored.
 */
export class AddressStage implements Stage {
  readonly name = 'address';
  readonly screenText = 'Configuring IP';
  readonly #phone: PhoneContext;
  #client: DhcpClient | null = null;
  #socket: UdpSocket | null = null;
  #output: StageOutput | null = null;
  /** The user gave the address back: when it comes off the interface. */
  #takeOffAt: Instant = NEVER;
  /** There has been a lease since the phone was started. */
  #hadLease = false;

  readonly #announce: AddressAnnouncer;

  /** @param announce tells the neighbor about the address, and null when it is lost. */
  constructor(phone: PhoneContext, announce: AddressAnnouncer) {
    this.#phone = phone;
    this.#announce = announce;
  }

  enter(now: Instant): void {
    // Entered again after a failed round, the client has never stopped asking.
    if (this.#client !== null) return;
    const settings = this.#phone.settings.network();
    if (settings.dhcp) this.#startDhcp(now);
    else this.#useStatic(now, settings);
  }

  undo(now: Instant): void {
    this.#client?.process(now, { kind: 'stop' });
    this.#client = null;
    this.#socket?.close();
    this.#socket = null;
    this.#output = null;
    this.#takeOffAt = NEVER;
    this.#takeOff(now);
    this.#show(NO_VLAN_YET);
  }

  dispatch(now: Instant, emit: (output: StageOutput) => void): void {
    if (now >= this.#takeOffAt) this.#released(now);
    this.#client?.dispatch(now, (out) => this.#obey(now, out));
    const output = this.#output;
    this.#output = null;
    if (output !== null) emit(output);
  }

  pollAt(): Instant {
    if (this.#output !== null) return 0;
    return this.#client === null ? this.#takeOffAt : earlier(this.#takeOffAt, this.#client.pollAt());
  }

  /** The duplicate address detection of the stack found somebody else on our address while we were using it. */
  conflict(now: Instant): void {
    // On a static address there is nothing to fall back to: it was defended, and the status menu says what is wrong.
    if (this.#client === null) this.#phone.status.report('Duplicate IP');
    this.#client?.process(now, { kind: 'probed', conflict: true });
  }

  /**
   * Gives the address back: the phone leaves the network. The address stays on the interface, since RELEASE is unicast and ARP may have to find
   * the server first.
   */
  release(now: Instant): void {
    this.#client?.process(now, { kind: 'release' });
    this.#client?.dispatch(now, (out) => {
      if (out.kind === 'send') this.#send(now, out);
    });
  }

  /** `DHCP Address Released = Yes` in the settings menu: the phone is without an address until it is reset. False when there is no lease to give back. */
  releaseByUser(now: Instant): boolean {
    if (this.#client === null || this.#phone.facts.addressing === null || this.#takeOffAt !== NEVER) return false;
    this.release(now);
    this.#takeOffAt = now + RELEASE_TIME;
    return true;
  }

  #released(now: Instant): void {
    this.#takeOffAt = NEVER;
    const { facts, hal, memory, status, screen } = this.#phone;
    const { address } = facts.addressing!;
    status.report('IP address released');
    hal.trace.event('dhcp.lost', { address: ipv4Text(address), reason: 'released' });
    forgetLease(memory);
    this.#takeOff(now);
    this.#show('DHCP INVALID');
    this.#output = { kind: 'lost', reason: 'dhcp.released' };
    screen.starting('IP address released');
  }

  #show(state: string): void {
    this.#phone.facts.dhcpState = state;
    this.#phone.hal.trace.event('dhcp.state', { state });
  }

  #startDhcp(now: Instant): void {
    const { hal, stack, memory, facts } = this.#phone;
    const { model, mac, deviceName } = hal.board;
    const client = new DhcpClient({
      mac,
      vendorClass: model.dhcp.vendorClass,
      parameterRequestList: model.dhcp.parameterRequestList,
      hostName: deviceName,
      rng: hal.rng,
      tunables: hal.tunables,
    });
    this.#client = client;
    this.#socket = stack.udp(
      dhcp.CLIENT_PORT,
      (at, payload) => {
        const message = dhcp.parse(payload);
        if (!isMalformed(message)) client.process(at, { kind: 'received', message });
      },
      { unconfigured: true },
    );
    const remembered = loadLease(memory, facts.vlan, hal.wallClock.now());
    const returning = this.#hadLease;
    if (remembered === null) client.process(now, { kind: 'start', returning });
    else client.process(now, { kind: 'start', stored: remembered.stored, reuse: remembered.sameVlan, returning });
  }

  #useStatic(now: Instant, settings: NetworkSettings): void {
    const { address, mask, router, dns, domain, alternateTftp } = settings;
    const missing = address === null ? 'address' : mask === null ? 'mask' : alternateTftp.length === 0 ? 'tftp1' : null;
    if (address === null || mask === null || missing !== null) {
      // The screen stays on this step: nothing that the phone can do alone will help.
      const text = `Static IP: no ${MISSING[missing ?? 'address']}`;
      this.#phone.status.report(text);
      this.#phone.screen.starting(text);
      this.#output = { kind: 'failed', reason: `static.no-${missing}`, retry: { at: NEVER } };
      return;
    }
    this.#phone.facts.addressing = {
      address,
      prefixLength: Math.clz32(~mask >>> 0),
      routers: router === null ? [] : [router],
      dns,
      domain,
      ntp: [],
      option150: [],
      option66: null,
      siaddr: 0,
    };
    if (router === null) this.#phone.status.report('No default router');
    this.#show('DHCP DISABLED');
    this.#putOn(now);
    this.#output = { kind: 'done', reason: 'static' };
  }

  #obey(now: Instant, out: DhcpOut): void {
    const { hal, status, memory, stack, facts } = this.#phone;
    switch (out.kind) {
      case 'send':
        this.#send(now, out);
        return;
      case 'probe':
        stack.probeAddress(
          now,
          out.address,
          hal.tunables['dhcp.probeCount'],
          hal.tunables['dhcp.probeInterval'] * SECOND,
          (conflict) => this.#client?.process(hal.timer.now(), { kind: 'probed', conflict }),
        );
        return;
      case 'bound':
        saveLease(memory, out.lease, facts.vlan, hal.wallClock.now(), now);
        this.#bound(now, out.lease);
        return;
      case 'renewed':
        saveLease(memory, out.lease, facts.vlan, hal.wallClock.now(), now);
        return;
      case 'use-stored':
        this.#bound(now, out.lease);
        return;
      case 'lost':
        hal.trace.event('dhcp.lost', { address: ipv4Text(out.address), reason: out.reason });
        this.#takeOff(now);
        this.#output = { kind: 'lost', reason: `dhcp.${out.reason}` };
        return;
      case 'status':
        status.report(out.message);
        return;
      case 'no-answer':
        this.#output = { kind: 'failed', reason: 'dhcp.no-offer', retry: { at: now } };
        return;
      case 'other-offer':
        hal.trace.event('dhcp.other-offer', {
          server: ipv4Text(out.server),
          address: ipv4Text(out.address),
          chosen: ipv4Text(out.chosen),
        });
        return;
      case 'state':
        this.#show(out.name);
        return;
    }
  }

  #send(now: Instant, out: Extract<DhcpOut, { kind: 'send' }>): void {
    const payload = new Uint8Array(dhcp.lengthOf(out.message));
    dhcp.emit(out.message, payload);
    const address = out.to === 'broadcast' ? BROADCAST : out.to;
    this.#socket?.send(now, { address, port: dhcp.SERVER_PORT }, payload, { source: out.from });
  }

  #bound(now: Instant, lease: Lease): void {
    const { hal, facts } = this.#phone;
    facts.addressing = lease;
    this.#hadLease = true;
    hal.trace.event('dhcp.bound', {
      address: `${ipv4Text(lease.address)}/${lease.prefixLength}`,
      router: lease.routers[0] === undefined ? null : ipv4Text(lease.routers[0]),
      server: ipv4Text(lease.server),
      leaseSeconds: lease.leaseSeconds,
      tftp: lease.option150.map(ipv4Text),
      domain: lease.domain,
      dns: lease.dns.map(ipv4Text),
      routers: lease.routers.map(ipv4Text),
      ntp: lease.ntp.map(ipv4Text),
    });
    this.#putOn(now);
    this.#output = { kind: 'done' };
  }

  #putOn(now: Instant): void {
    const addressing = this.#phone.facts.addressing!;
    this.#phone.stack.setAddress(now, addressing);
    this.#phone.stack.announce(now);
    this.#announce(now, addressing.address, addressing.domain);
    this.#phone.names.configure(now, addressing.dns, addressing.domain);
  }

  #takeOff(now: Instant): void {
    this.#phone.facts.addressing = null;
    this.#phone.stack.clearAddress(now);
    this.#announce(now, null, null);
    this.#phone.names.configure(now, [], null);
  }
}
