/** Names of SIP header fields: one spelling for each that is known, whatever was on the wire (RFC 3261 sections 7.3.1 and 7.3.3). */

/** Compact forms, from IANA's registry of header fields. */
const COMPACT = {
  a: 'Accept-Contact',
  b: 'Referred-By',
  c: 'Content-Type',
  e: 'Content-Encoding',
  f: 'From',
  i: 'Call-ID',
  k: 'Supported',
  l: 'Content-Length',
  m: 'Contact',
  o: 'Event',
  r: 'Refer-To',
  s: 'Subject',
  t: 'To',
  u: 'Allow-Events',
  v: 'Via',
  x: 'Session-Expires',
} as const;

const KNOWN = [
  ...Object.values(COMPACT),
  'Accept',
  'Allow',
  'Authorization',
  'Call-Info',
  'Content-Disposition',
  'Content-Id',
  'CSeq',
  'Date',
  'Expires',
  'Max-Forwards',
  'Mime-Version',
  'Min-Expires',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'Proxy-Require',
  'Reason',
  'Record-Route',
  'Remote-Party-ID',
  'Replaces',
  'Require',
  'Retry-After',
  'Route',
  'Server',
  'Session-ID',
  'Subscription-State',
  'Unsupported',
  'User-Agent',
  'Warning',
  'WWW-Authenticate',
] as const;

export type KnownHeaderName = (typeof KNOWN)[number];

const BY_LOWER_CASE: Readonly<Record<string, KnownHeaderName>> = Object.freeze(
  Object.assign(
    Object.create(null) as Record<string, KnownHeaderName>,
    Object.fromEntries(KNOWN.map((name) => [name.toLowerCase(), name])),
    COMPACT,
  ),
);

/** The spelling that this codec uses for a known header field; others stay as they are. */
export function headerName(written: string): string {
  return BY_LOWER_CASE[written] ?? BY_LOWER_CASE[written.toLowerCase()] ?? written;
}
