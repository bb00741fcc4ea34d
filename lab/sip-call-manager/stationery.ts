/** What a call manager writes to SIP phones: responses, and the requests it makes outside calls. Forms after public logs of CUCM. */
import { type Header, headerValue, NO_BODY, type Request, type Response } from '../../firmware/wire/sip/message.ts';
import { multipartText } from '../../firmware/wire/sip/multipart.ts';

const UTF8 = new TextEncoder();
const BOUNDARY = 'uniqueBoundary';
const PROLOG = '<?xml version="1.0" encoding="UTF-8"?>';

export const SERVER = 'Cisco-CUCM12.5';
const ALLOW = 'INVITE, OPTIONS, INFO, BYE, CANCEL, ACK, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY, REGISTER';

/** Answer to the second part of a REGISTER's body: what of the phone's offer may be used. */
const REMOTECC_RESPONSE = UTF8.encode(
  [
    PROLOG,
    '<x-cisco-remotecc-response>',
    '<response>',
    '<code>200</code>',
    '<optionsind>',
    '<combine max="6">',
    '<remotecc><status/></remotecc>',
    '<service-control/>',
    '</combine>',
    '<dialog usage="hook status"><unot/></dialog>',
    '<dialog usage="shared line"><unot/></dialog>',
    '<presence usage="blf speed dial"><unot/></presence>',
    '<joinreq></joinreq>',
    '<ix></ix>',
    '<bfcp></bfcp>',
    '</optionsind>',
    '</response>',
    '</x-cisco-remotecc-response>',
    '',
  ].join('\n'),
);

/** A response with what RFC 3261 section 8.2.6.2 takes over from the request. `received` goes into the topmost Via (18.2.1). */
export function response(
  m: Request,
  status: number,
  reason: string,
  extra: { readonly tag?: string; readonly received?: string; readonly headers?: readonly Header[] } = {},
): Response {
  const headers: Header[] = [];
  let vias = 0;
  for (const header of m.headers) {
    const { name, value } = header;
    if (name === 'Via') {
      vias++;
      headers.push(
        vias === 1 && extra.received !== undefined ? { name, value: `${value};received=${extra.received}` } : header,
      );
    } else if (name === 'From' || name === 'Call-ID' || name === 'CSeq') headers.push(header);
    else if (name === 'To') {
      const plain = extra.tag === undefined || /;\s*tag\s*=/i.test(value);
      headers.push(plain ? header : { name, value: `${value};tag=${extra.tag}` });
    }
  }
  if (extra.headers !== undefined) headers.push(...extra.headers);
  return { kind: 'response', status, reason, headers, body: NO_BODY };
}

/** The 200 to a REGISTER whose body asked for all lines and said what the phone can do. */
export function withRemotecc(m: Response): Response {
  const headers = [...m.headers, { name: 'Content-Type', value: 'application/x-cisco-remotecc-response+xml' }];
  return { ...m, headers, body: REMOTECC_RESPONSE };
}

export function optionsHeaders(): Header[] {
  return [{ name: 'Allow', value: ALLOW }];
}

export const SIP_PORT = 5060;
export const SECURE_SIP_PORT = 5061;

/** Whom a request goes to, and what identifies it. */
export interface Outgoing {
  readonly node: string;
  readonly transport: 'tcp' | 'tls' | 'udp';
  /** The phone's Contact. */
  readonly contactUri: string;
  /** Unlike that of any other request of this node. */
  readonly id: string;
}

function request(method: string, to: Outgoing, headers: readonly Header[], body: string): Request {
  const { node, transport, contactUri, id } = to;
  const port = transport === 'tls' ? SECURE_SIP_PORT : SIP_PORT;
  return {
    kind: 'request',
    method,
    uri: contactUri,
    version: 'SIP/2.0',
    headers: [
      { name: 'Via', value: `SIP/2.0/${transport.toUpperCase()} ${node}:${port};branch=z9hG4bK${id}` },
      { name: 'From', value: `<sip:${node}>;tag=${id}` },
      { name: 'To', value: `<${contactUri}>` },
      { name: 'Call-ID', value: `${id}@${node}` },
      { name: 'CSeq', value: `101 ${method}` },
      { name: 'Max-Forwards', value: '70' },
      { name: 'User-Agent', value: SERVER },
      { name: 'Contact', value: `<sip:${node}:${port};transport=${transport}>` },
      ...headers,
    ],
    body: UTF8.encode(body),
  };
}

export interface ServiceControlText {
  readonly action: string;
  readonly registerCallId: string;
  readonly configVersionStamp: string;
}

function serviceControlText({ action, registerCallId, configVersionStamp }: ServiceControlText): string {
  return [
    `action=${action}`,
    `RegisterCallId={${registerCallId}}`,
    `ConfigVersionStamp={${configVersionStamp}}`,
    'DialplanVersionStamp={}',
    'SoftkeyVersionStamp={}',
    'FeatureControlVersionStamp={}',
    'HeadsetVersionStamp={}',
    '',
  ].join('\r\n');
}

export function serviceControl(to: Outgoing, text: ServiceControlText): Request {
  const headers = [
    { name: 'Event', value: 'service-control' },
    { name: 'Subscription-State', value: 'active' },
    { name: 'Content-Type', value: 'text/plain' },
  ];
  return request('NOTIFY', to, headers, serviceControlText(text));
}

export function messageSummary(to: Outgoing, waiting: boolean): Request {
  const headers = [
    { name: 'Event', value: 'message-summary' },
    { name: 'Subscription-State', value: 'active' },
    { name: 'Content-Type', value: 'application/simple-message-summary' },
  ];
  return request('NOTIFY', to, headers, `Messages-Waiting: ${waiting ? 'yes' : 'no'}\r\n`);
}

/** What CUCM sends right after a registration: states of features by remotecc, and `check-version`. */
export function welcome(to: Outgoing, lines: number, text: ServiceControlText): Request {
  const contacts = Array.from(
    { length: lines },
    (_, index) => `<contact line="${index + 1}">\n<mwi>no</mwi>\n<emwi></emwi>\n</contact>`,
  );
  const remotecc = (inside: string): string =>
    `${PROLOG}\n<x-cisco-remotecc-request>\n${inside}\n</x-cisco-remotecc-request>\n`;
  const xml = [['Content-Type', 'application/x-cisco-remotecc-request+xml']] as const;
  const body = multipartText(BOUNDARY, [
    { headers: xml, text: remotecc('<privacyreq>\n<status>false</status>\n</privacyreq>') },
    { headers: xml, text: remotecc('<dndupdate>\n<state>disable</state>\n<option>ringeroff</option>\n</dndupdate>') },
    { headers: xml, text: remotecc('<hlogupdate>\n<status>on</status>\n</hlogupdate>') },
    { headers: xml, text: remotecc(`<bulkupdate>\n${contacts.join('\n')}\n</bulkupdate>`) },
    { headers: [['Content-Type', 'text/plain']], text: serviceControlText(text) },
  ]);
  const headers = [
    { name: 'Expires', value: '30' },
    { name: 'Require', value: 'norefersub' },
    { name: 'Refer-To', value: `cid:${to.id}@${to.node}` },
    { name: 'Content-Id', value: `<${to.id}@${to.node}>` },
    { name: 'Referred-By', value: `<sip:${to.node}>` },
    { name: 'Content-Type', value: `multipart/mixed;boundary=${BOUNDARY}` },
    { name: 'Mime-Version', value: '1.0' },
  ];
  return request('REFER', to, headers, body);
}

/** Whether the REGISTER's body asks to register every line of the device. */
export function asksForAllLines(m: Request): boolean {
  if (!(headerValue(m, 'Content-Type') ?? '').toLowerCase().startsWith('multipart/')) return false;
  return new TextDecoder('latin1').decode(m.body).includes('<bulkregisterreq>');
}
