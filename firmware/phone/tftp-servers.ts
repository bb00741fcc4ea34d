/**
 * Where the phone gets its files from. Only the first place rests on a document; the order below it is inferred from Cisco's
 * "use option 150; if you cannot, try 66", so it is a table and not code.
 */
import type { Ipv4 } from '../../hal/nic.ts';
import { parseIpv4 } from '../wire/address.ts';

/** What decides, from the settings and from the lease. */
export interface TftpServerFacts {
  /** The Alternate TFTP setting with TFTP Server 1 and 2; null when it is off. */
  readonly alternate: readonly Ipv4[] | null;
  readonly option150: readonly Ipv4[];
  /** A name, or an address as text. */
  readonly option66: string | null;
  readonly siaddr: Ipv4;
  readonly domain: string | null;
}

export type TftpServerSource = 'alternate' | 'option150' | 'option66' | 'siaddr' | 'dns';

export interface TftpServerChoice {
  readonly source: TftpServerSource;
  /** TFTP Server 1 and 2; empty while a name has to be resolved first. */
  readonly servers: readonly Ipv4[];
  /** The name to look up: its addresses are the servers. */
  readonly needsResolve?: string;
}

/** The phone has two places for servers: TFTP Server 1 and TFTP Server 2. */
export const MAX_TFTP_SERVERS = 2;

/** Sources in order of precedence. */
export const TFTP_SERVER_PRECEDENCE: readonly TftpServerSource[] = Object.freeze([
  'alternate',
  'option150',
  'option66',
  'siaddr',
  'dns',
]);

const READERS: Readonly<Record<TftpServerSource, (facts: TftpServerFacts) => TftpServerChoice | null>> = {
  // "Manual 1/2 only": what DHCP says is not looked at, unless Server 1 is 0.0.0.0.
  alternate: ({ alternate }) => (alternate?.[0] ? addresses('alternate', alternate) : null),
  option150: ({ option150 }) => addresses('option150', option150),
  option66: ({ option66 }) => {
    if (option66 === null || option66.trim() === '') return null;
    const text = option66.trim();
    const address = parseIpv4(text);
    return address === null
      ? { source: 'option66', servers: [], needsResolve: text }
      : addresses('option66', [address]);
  },
  siaddr: ({ siaddr }) => addresses('siaddr', [siaddr]),
  dns: ({ domain }) => (domain === null ? null : { source: 'dns', servers: [], needsResolve: `CiscoCM1.${domain}` }),
};

/**
 * The first source that has something to say; null when none has.
 * @param after continues behind this source: its name did not resolve.
 */
export function chooseTftpServers(facts: TftpServerFacts, after?: TftpServerSource): TftpServerChoice | null {
  const from = after === undefined ? 0 : TFTP_SERVER_PRECEDENCE.indexOf(after) + 1;
  for (const source of TFTP_SERVER_PRECEDENCE.slice(from)) {
    const choice = READERS[source](facts);
    if (choice !== null) return choice;
  }
  return null;
}

function addresses(source: TftpServerSource, candidates: readonly Ipv4[]): TftpServerChoice | null {
  const servers = candidates.filter((address) => address !== 0).slice(0, MAX_TFTP_SERVERS);
  return servers.length === 0 ? null : { source, servers };
}
