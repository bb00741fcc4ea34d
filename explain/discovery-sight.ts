import * as cdp from '../firmware/wire/cdp.ts';
import * as lldp from '../firmware/wire/lldp.ts';
import type { TraceEvents } from '../hal/trace.ts';
import type { Packet } from './packet.ts';
import type { Sight, Story } from './story.ts';

type Neighbor = TraceEvents['neighbor'];

/** Step 3 from outside: what phone and switch announce, and which tag the phone then uses. */
export class DiscoverySight {
  readonly #story: Story;
  #cdp: Neighbor | null = null;
  #lldp: Neighbor | null = null;
  /** What the frames of the phone carry; undefined before the first one that is not an announcement. */
  #vlan: number | null | undefined;
  #hasAnnounced = false;
  #isUp = false;

  constructor(story: Story) {
    this.#story = story;
  }

  /** The capture shows this step: it did not begin later. */
  get isVisible(): boolean {
    return this.#hasAnnounced;
  }

  /** From the phone. */
  announced(message: Extract<Packet['content'], { kind: 'cdp' | 'lldp' }>, sight: Sight): void {
    this.#alive(sight);
    const text = message.kind === 'cdp' ? cdp.describe(message.message) : lldp.describe(message.message);
    this.#story.message('phone', message.kind.toUpperCase(), text, sight);
    if (this.#vlan === undefined && !this.#hasAnnounced && !hasAddress(message)) {
      this.#hasAnnounced = true;
      this.#story.enter('voice-vlan', sight);
    }
    if (this.#story.is('voice-vlan')) this.#story.note(sight);
  }

  /** From whoever is at the other end of the cable. */
  heard(content: Extract<Packet['content'], { kind: 'cdp' | 'lldp' }>, sight: Sight): void {
    const neighbor = content.kind === 'cdp' ? ofCdp(content.message) : ofLldp(content.message);
    const before = content.kind === 'cdp' ? this.#cdp : this.#lldp;
    if (this.#story.is('voice-vlan')) this.#story.note(sight);
    const text = content.kind === 'cdp' ? cdp.describe(content.message) : lldp.describe(content.message);
    this.#story.message('network', content.kind.toUpperCase(), text, sight);
    if (content.kind === 'cdp') this.#cdp = neighbor;
    else this.#lldp = neighbor;
    if (before !== null && JSON.stringify(before) === JSON.stringify(neighbor)) return;
    this.#story.tell('neighbor', neighbor, sight);
  }

  /** A frame of the phone that is no announcement: it has decided. @returns true when it has left another VLAN for this one. */
  traffic({ vlan, priority, content }: Packet, sight: Sight): boolean {
    this.#alive(sight);
    if (this.#vlan === vlan) return false;
    const before = this.#vlan;
    this.#vlan = vlan;
    const source = this.#sourceOf(vlan);
    // The capture began later than this step.
    if (before === undefined && !this.#hasAnnounced) return false;
    if (before !== undefined) {
      if (this.#story.stage !== null) this.#story.leave('failed', 'vlan.changed', sight);
      this.#story.enter('voice-vlan', sight);
    } else if (!this.#story.is('voice-vlan')) this.#story.enter('voice-vlan', sight);
    this.#story.note(sight);
    const dscp = 'dscp' in content ? content.dscp : 0;
    this.#story.tell('vlan.learned', { vlan, source, priority, dscp }, sight);
    if (source === 'none') this.#story.leave('skipped', 'vlan.none', sight);
    else this.#story.leave('done', source, sight);
    return before !== undefined;
  }

  #sourceOf(vlan: number | null): TraceEvents['vlan.learned']['source'] {
    if (vlan === null) return 'none';
    if (this.#cdp?.voiceVlan === vlan) return 'cdp';
    return this.#lldp?.voiceVlan === vlan ? 'lldp-med' : 'admin';
  }

  #alive(sight: Sight): void {
    if (this.#isUp) return;
    this.#isUp = true;
    // Whatever is on the wire, a link carries it; its speed does not show.
    this.#story.tell('link.up', { speed: 0 }, sight);
  }
}

/** A phone that names its address has been through this step before the capture began. */
function hasAddress(content: Extract<Packet['content'], { kind: 'cdp' | 'lldp' }>): boolean {
  if (content.kind === 'cdp') {
    const addresses = cdp.find(content.message, 'addresses')?.addresses ?? [];
    return addresses.some((address) => address.protocol === 'ipv4' && address.address !== 0);
  }
  const { chassisId } = content.message;
  const address = chassisId.kind === 'ipv4' ? chassisId.address : lldp.managementIpv4(content.message);
  return (address ?? 0) !== 0;
}

function ofCdp(message: cdp.Message): Neighbor {
  return {
    device: cdp.textOf(message, 'deviceId') ?? '',
    port: cdp.textOf(message, 'portId') ?? '',
    nativeVlan: cdp.numberOf(message, 'nativeVlan'),
    voiceVlan: tagOf(cdp.find(message, 'voipVlanReply')?.vlan ?? null),
    via: 'cdp',
  };
}

function ofLldp(message: lldp.Message): Neighbor {
  const policy = lldp.policyOf(message, lldp.APPLICATION.voice);
  return {
    device: lldp.find(message, 'systemName')?.text ?? lldp.identifierText(message.chassisId),
    port: lldp.identifierText(message.portId),
    nativeVlan: lldp.find(message, 'portVlanId')?.vlan ?? null,
    voiceVlan: policy?.tagged === true && !policy.unknown ? tagOf(policy.vlan) : null,
    via: 'lldp',
  };
}

/** VLANs that are none: untagged, and tagged for the priority alone. */
function tagOf(vlan: number | null): number | null {
  return vlan === cdp.VLAN_UNTAGGED || vlan === cdp.VLAN_PRIORITY_TAGGED ? null : vlan;
}
