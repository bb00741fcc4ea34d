/** What files and ports had to say, in one line each, with what to do about it. */
import type { FileOutcome } from '../firmware/protocols/file-outcome.ts';
import { ipv4Text } from '../firmware/wire/address.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { CertificateFields } from '../hal/secure.ts';
import type { Finding } from './finding.ts';
import type { PortState, SecurePort } from './ports.ts';

/** What a file is, as `sepia inspect` says it. */
export interface FileContents {
  readonly text: string;
  /** Null where it is as it should be. */
  readonly problem: string | null;
  readonly facts: object;
}

const NAMES = { http: 'http 6970', tftp: 'tftp' } as const;

/** @param contents null where it was not read: it has been read by the other protocol, or it did not come. */
export function fileFinding(
  via: 'http' | 'tftp',
  server: Ipv4,
  name: string,
  outcome: FileOutcome,
  contents: FileContents | null,
): Finding {
  const check = `${NAMES[via]} ${name}`;
  const from = ipv4Text(server);
  const facts = { via, server: from, name, outcome: outcome.outcome, ...contents?.facts };
  if (outcome.outcome === 'received' && contents !== null) {
    const found = `${from}: ${contents.text}`;
    return { check, state: contents.problem === null ? 'ok' : 'limited', found, remedy: contents.problem, facts };
  }
  switch (outcome.outcome) {
    case 'received':
    // Its first block came and the rest was not wanted.
    case 'too-large':
      return { check, state: 'ok', found: `${from} has it`, remedy: null, facts: { ...facts, outcome: 'received' } };
    case 'not-found':
      return { check, state: 'limited', found: `${from} has no such file`, remedy: remedyWithout(name), facts };
    case 'timeout':
      return { check, state: 'limited', found: `${from} does not answer`, remedy: REMEDIES[via], facts };
    case 'error':
      return { check, state: 'limited', found: `${from}: ${outcome.text}`, remedy: REMEDIES[via], facts };
  }
}

const REMEDIES = {
  http: 'phones fall back to TFTP; newer models are slower then: is the TFTP service running, and 6970 let through?',
  tftp: 'is the TFTP service running, and UDP 69 with the ports that answer let through?',
} as const;

function remedyWithout(name: string): string {
  if (name.startsWith('XML'))
    return 'phones without a file of their own cannot register; the TFTP service of a call manager makes it';
  return name.startsWith('CTL')
    ? 'well for a nonsecure cluster; mixed mode needs it'
    : 'well for a server without security by default (before release 8, chan-sccp, Asterisk)';
}

const MISSED: Readonly<Record<number, string>> = {
  2000: 'SCCP phones cannot register here',
  5060: 'SIP phones cannot register here',
  2443: 'no secure SCCP; well for a nonsecure cluster',
  5061: 'no secure SIP; well for a nonsecure cluster',
  3804: 'no CAPF: phones get no certificates of their own',
  2445: 'no TVS: phones cannot ask about certificates that are in no list of theirs',
  6971: 'no files over HTTPS; phones of today ask on 6970',
};

const STATES: Readonly<Record<Exclude<PortState, 'open'>, string>> = {
  refused: 'nobody listens',
  timeout: 'no answer; a filter may be in the way',
  unreachable: 'not reachable',
  reset: 'the connection is reset',
  closed: 'the connection is closed',
  aborted: 'the connection is given up',
};

export function portFinding(port: number, host: Ipv4, state: PortState): Finding {
  const from = ipv4Text(host);
  const facts = { host: from, port, state };
  const check = `tcp ${port}`;
  if (state === 'open') return { check, state: 'ok', found: `${from} listens`, remedy: null, facts };
  return { check, state: 'limited', found: `${from}: ${STATES[state]}`, remedy: MISSED[port] ?? null, facts };
}

/** @param certificate null where there is none that can be read. @param now Unix seconds. */
export function securePortFinding(
  port: number,
  host: Ipv4,
  answer: SecurePort,
  certificate: CertificateFields | null,
  now: number,
): Finding {
  const from = ipv4Text(host);
  const check = `tls ${port}`;
  if (answer.state !== 'open') {
    const facts = { host: from, port, state: answer.state };
    return { check, state: 'limited', found: `${from}: ${STATES[answer.state]}`, remedy: MISSED[port] ?? null, facts };
  }
  const { version, failure } = answer;
  const facts = {
    host: from,
    port,
    state: 'open',
    version,
    certificate: certificate === null ? null : described(certificate),
  };
  if (certificate === null) {
    const found = `${from} listens, but shows no certificate: ${failure ?? 'it cannot be read'}`;
    return { check, state: 'limited', found, remedy: 'is this the service that is meant to be here?', facts };
  }
  const { subject, key, notBefore, notAfter } = certificate;
  const found = `${from} speaks TLS ${version ?? '?'} as ${subject}, ${key}, good until ${dateText(notAfter)}`;
  const isStale = now > notAfter || now < notBefore;
  const old = version !== null && version < '1.2' ? `models of today refuse TLS ${version}` : null;
  const remedy = isStale ? 'the certificate is not valid now: renew it, or look at the clock' : old;
  return { check, state: remedy === null ? 'ok' : 'limited', found, remedy, facts };
}

function described({ subject, issuer, serial, key, notBefore, notAfter }: CertificateFields): object {
  return { subject, issuer, serial, key, notBefore: dateText(notBefore), notAfter: dateText(notAfter) };
}

function dateText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

/** Names or addresses of the call managers of an `XMLDefault.cnf.xml`, first the one that phones try first. */
export function callManagersIn(octets: Uint8Array): readonly string[] {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('utf8');
  const members = [
    ...text.matchAll(
      /<member\s+priority\s*=\s*["'](\d+)["'][\s\S]*?<processNodeName>\s*([^<]*?)\s*<\/processNodeName>/g,
    ),
  ];
  return members
    .sort((a, b) => Number(a[1]) - Number(b[1]))
    .map(([, , name]) => name ?? '')
    .filter((name) => name !== '');
}
