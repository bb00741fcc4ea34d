import { chooseTftpServers, MAX_TFTP_SERVERS, type TftpServerSource } from '../firmware/phone/tftp-servers.ts';
import type { Lease } from '../firmware/protocols/dhcp-lease.ts';
import { ipv4Text } from '../firmware/wire/address.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Finding } from './finding.ts';
import type { Script } from './station.ts';

const SOURCES: Readonly<Record<TftpServerSource, string>> = {
  alternate: '--tftp',
  option150: 'DHCP option 150',
  option66: 'DHCP option 66',
  siaddr: 'DHCP siaddr',
  dns: 'CiscoCM1 in DNS',
};

/** Where a phone would get its files from. @param written by the operator; they come first. */
export function* chooseServers(
  written: readonly Ipv4[],
  offer: Lease | null,
  resolve: (name: string) => Script<readonly Ipv4[] | 'timeout'>,
): Script<{ readonly servers: readonly Ipv4[]; readonly finding: Finding }> {
  const { option150 = [], option66 = null, siaddr = 0, domain = null } = offer ?? {};
  const facts = { alternate: written.length === 0 ? null : written, option150, option66, siaddr, domain };
  let choice = chooseTftpServers(facts);
  while (choice?.needsResolve !== undefined) {
    const { source, needsResolve } = choice;
    const answer = yield* resolve(needsResolve);
    const isKnown = answer !== 'timeout' && answer.length > 0;
    choice = isKnown ? { source, servers: answer.slice(0, MAX_TFTP_SERVERS) } : chooseTftpServers(facts, source);
  }
  const check = 'tftp server';
  if (choice === null) {
    const remedy =
      'phones find no files: have DHCP give option 150 with the addresses of the TFTP servers, or option 66';
    const found = 'none is named';
    return { servers: [], finding: { check, state: 'missing', found, remedy, facts: { servers: [], source: null } } };
  }
  const { servers, source } = choice;
  const texts = servers.map(ipv4Text);
  const found = `${texts.join(', ')}, from ${SOURCES[source]}`;
  return { servers, finding: { check, state: 'ok', found, remedy: null, facts: { servers: texts, source } } };
}
