/** What was seen, in one line each, with what to do about it. */
import type { Lease } from '../firmware/protocols/dhcp-lease.ts';
import { ipv4Text } from '../firmware/wire/address.ts';
import type { Ipv4, LinkState } from '../hal/nic.ts';
import type { Finding } from './finding.ts';
import type { Neighbors } from './neighbors.ts';

/** Something that was not looked at. */
export function unasked(check: string, found: string, remedy: string | null): Finding {
  return { check, state: 'limited', found, remedy };
}

export function linkFinding({ up, speed, fullDuplex }: LinkState): Finding {
  if (!up) {
    const remedy = 'look at the cable and at the switch port: shut, or err-disabled';
    return { check: 'link', state: 'missing', found: 'no carrier', remedy, facts: { up } };
  }
  const duplex = fullDuplex ? 'full' : 'half';
  const facts = { up, speed, duplex };
  return { check: 'link', state: 'ok', found: `${speed} Mb/s, ${duplex} duplex`, remedy: null, facts };
}

export function neighborFinding(heard: Neighbors): Finding {
  const { cdp, lldp, cdpVlan, policy } = heard;
  const check = 'neighbor';
  if (cdp === null && lldp === null) {
    const remedy = 'a phone goes untagged: cdp enable or lldp transmit on the port; else give --vlan';
    return {
      check,
      state: 'limited',
      found: 'nobody speaks CDP or LLDP here',
      remedy,
      facts: { cdp: null, lldp: null },
    };
  }
  const byLldp = policy === null ? null : policy.tagged ? policy.vlan : 'untagged';
  const voice = [
    cdpVlan === null || cdpVlan === 'none' ? null : `${cdpVlan} by CDP`,
    byLldp === null ? null : `${byLldp} by LLDP-MED`,
  ];
  const voiceText = voice.filter((each) => each !== null).join(', ');
  const nearest = cdp ?? lldp!;
  const native = cdp?.nativeVlan ?? lldp?.nativeVlan ?? null;
  const via = [cdp === null ? null : 'CDP', lldp === null ? null : 'LLDP']
    .filter((each) => each !== null)
    .join(' and ');
  const found = `${nearest.device} ${nearest.port} by ${via}, native VLAN ${native ?? 'not told'}, voice VLAN ${voiceText || 'none'}`;
  const facts = {
    cdp: cdp === null ? null : { ...named(cdp), platform: cdp.platform, voiceVlan: cdpVlan },
    lldp:
      lldp === null
        ? null
        : { ...named(lldp), voiceVlan: byLldp, priority: policy?.priority ?? null, dscp: policy?.dscp ?? null },
  };
  const differ = typeof cdpVlan === 'number' && typeof byLldp === 'number' && cdpVlan !== byLldp;
  const remedy =
    voiceText === ''
      ? 'a phone goes untagged: switchport voice vlan ID on the port, unless that is meant'
      : differ
        ? 'phones take different ones: make the LLDP-MED policy and the voice VLAN agree'
        : null;
  return { check, state: remedy === null ? 'ok' : 'limited', found, remedy, facts };
}

function named({ device, port, nativeVlan }: { device: string; port: string; nativeVlan: number | null }): object {
  return { device, port, nativeVlan };
}

export function powerFinding({ cdp, lldp, availableMilliwatts }: Neighbors): Finding {
  const facts = { availableMilliwatts };
  if (availableMilliwatts !== null && availableMilliwatts > 0) {
    return {
      check: 'power',
      state: 'ok',
      found: `${availableMilliwatts / 1000} W available on the port`,
      remedy: null,
      facts,
    };
  }
  const found =
    availableMilliwatts === 0
      ? 'the switch keeps none for a station that asks for none'
      : cdp === null && lldp === null
        ? 'nobody tells'
        : 'the switch says nothing about it';
  return { check: 'power', state: 'ok', found, remedy: null, facts };
}

function inVlan(vlan: number | null): string {
  return vlan === null ? 'dhcp untagged' : `dhcp vlan ${vlan}`;
}

/** @param needed phones would be here. */
export function noOfferFinding(vlan: number | null, needed: boolean): Finding {
  const check = inVlan(vlan);
  const remedy =
    vlan !== null
      ? 'look at the scope, at ip helper-address on the VLAN, at DHCP snooping, and whether the trunk carries it'
      : needed
        ? 'look at the scope, at ip helper-address and at DHCP snooping'
        : 'no matter for phones, which go to the voice VLAN';
  const state = needed ? 'missing' : 'limited';
  return { check, state, found: 'no offer', remedy, facts: { vlan, offer: null } };
}

/** @param index of the offer among those of this VLAN, in the order in which they came: a phone takes the first. */
export function offerFinding(vlan: number | null, offer: Lease, index: number): Finding {
  const { address, prefixLength, server, leaseSeconds, routers, dns, domain, option150, option66, siaddr, ntp } = offer;
  const listed = (addresses: readonly Ipv4[]): string => addresses.map(ipv4Text).join(', ') || 'none';
  const own = `${ipv4Text(address)}/${prefixLength}`;
  const text = [
    `${own} from ${ipv4Text(server)} for ${leaseSeconds} s`,
    `gateway ${listed(routers)}`,
    `option 150 ${listed(option150)}`,
    `option 66 ${option66 ?? 'none'}`,
    `siaddr ${siaddr === 0 ? 'none' : ipv4Text(siaddr)}`,
    `DNS ${listed(dns)}`,
    `domain ${domain ?? 'none'}`,
  ].join(', ');
  const facts = {
    vlan,
    offer: own,
    server: ipv4Text(server),
    leaseSeconds,
    routers: routers.map(ipv4Text),
    option150: option150.map(ipv4Text),
    option66,
    siaddr: siaddr === 0 ? null : ipv4Text(siaddr),
    dns: dns.map(ipv4Text),
    domain,
    ntp: ntp.map(ipv4Text),
  };
  const second = 'a second server offers too: which one a phone gets is chance; is it meant to be here?';
  return {
    check: inVlan(vlan),
    state: index === 0 ? 'ok' : 'limited',
    found: text,
    remedy: index === 0 ? null : second,
    facts,
  };
}
