/**
 * What a SIP phone says of itself when it registers: the header fields in the order of real phones, and the two remotecc parts of the first REGISTER's body. What differs
 * goes by the load's version. Forms after public logs of 7970 (8.4.0), 7975 (9.3.1), 7821 and 8851 (12.1.1); what later loads changed is not known.
 */
import type { ModelRow } from '../../../hal/board.ts';
import type { Mac } from '../../../hal/nic.ts';
import { OUT_OF_SERVICE, type OutOfServiceReason } from '../../wire/sccp/alarm.ts';
import type { Header } from '../../wire/sip/message.ts';
import { multipartText } from '../../wire/sip/multipart.ts';

export interface SipIdentity {
  readonly model: ModelRow;
  /** `SEP` and twelve upper-case hexadecimal digits. */
  readonly deviceName: string;
  readonly mac: Mac;
  /** The load that runs, and the one in the other bank; empty when there is none. */
  readonly load: string;
  readonly inactiveLoad: string;
}

/** What a generation of loads offers. */
export interface Generation {
  /** Major version from which on. */
  readonly since: number;
  readonly supported: string;
  /** Contact names the device, not only its instance and model. */
  readonly namesDevice: boolean;
  /** RFC 7989. */
  readonly sessionId: boolean;
  /** Elements of `optionsind` after `joinreq`. */
  readonly options: readonly string[];
}

const CISCO =
  'X-cisco-callinfo,X-cisco-serviceuri,X-cisco-escapecodes,X-cisco-service-control,X-cisco-srtp-fallback,X-cisco-monrec,X-cisco-config';

const OPTIONS_9 = ['cfwdall-anyline', 'coaching', 'oosalarm', 'rpid-orig-called'];
const OPTIONS_12 = [...OPTIONS_9, 'x-cisco-number', 'bfcp', 'ix', 'gatewayrecording', 'conferenceDisplayInstance'];

/** Newest first. */
const GENERATIONS: readonly Generation[] = [
  {
    since: 12,
    supported: `replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,${CISCO},X-cisco-sis-7.0.0,X-cisco-xsi-8.5.1`,
    namesDevice: true,
    sessionId: true,
    options: OPTIONS_12,
  },
  {
    since: 9,
    supported: `replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,${CISCO},X-cisco-sis-6.0.0,X-cisco-xsi-8.5.1`,
    namesDevice: true,
    sessionId: false,
    options: OPTIONS_9,
  },
  {
    since: 0,
    supported: `replaces,join,norefersub,extended-refer,${CISCO},X-cisco-sis-3.0.0,X-cisco-xsi-7.0.1`,
    namesDevice: false,
    sessionId: false,
    options: [],
  },
];

/** Major, minor and maintenance number of a load's name: `SIP75.9-4-2SR3-1S` is 9.4.2, `P003-08-2-00` is 8.2.0. */
function versionOf(load: string): readonly [number, number, number] {
  const match = /[.-](\d+)-(\d+)-(\d+)/.exec(load);
  return match === null ? [0, 0, 0] : [Number(match[1]), Number(match[2]), Number(match[3])];
}

export function generationOf(load: string): Generation {
  const [major] = versionOf(load);
  return GENERATIONS.find(({ since }) => major >= since)!;
}

/** `Cisco-CP8861/14.1.1`. */
export function userAgentOf({ model, load }: SipIdentity): string {
  return `${model.sip?.userAgent ?? model.productId}/${versionOf(load).join('.')}`;
}

export function macDigits(mac: Mac): string {
  return mac.toString(16).padStart(12, '0');
}

/** Header parameters of Contact that name the device, in the order of real phones. */
export function contactParameters({ model, deviceName, mac, load }: SipIdentity): string {
  const instance = `+sip.instance="<urn:uuid:00000000-0000-0000-0000-${macDigits(mac)}>"`;
  const device = `+u.sip!devicename.ccm.cisco.com="${deviceName}"`;
  const type = `+u.sip!model.ccm.cisco.com="${model.deviceType}"`;
  return (generationOf(load).namesDevice ? [instance, device, type] : [instance, type]).join(';');
}

/** Value of Reason in the first REGISTER: `SIP;cause=200;text="cisco-alarm:25 Name=… ActiveLoad=… InactiveLoad=… Last=initialized"`. */
export function alarmReason(identity: SipIdentity, reason: OutOfServiceReason): string {
  const { model, deviceName, load, inactiveLoad } = identity;
  const [number, text] = OUT_OF_SERVICE[reason];
  const loads =
    model.sip?.banks === 1 ? `Load=${load}` : `ActiveLoad=${named(load)} InactiveLoad=${named(inactiveLoad)}`;
  return `SIP;cause=200;text="cisco-alarm:${number} Name=${deviceName} ${loads} Last=${text.toLowerCase()}"`;
}

function named(load: string): string {
  return load === '' ? '' : `${load}.loads`;
}

const BOUNDARY = 'uniqueBoundary';

export const MULTIPART_HEADERS: readonly Header[] = [
  { name: 'Content-Type', value: `multipart/mixed; boundary=${BOUNDARY}` },
  { name: 'Mime-Version', value: '1.0' },
];

const PROLOG = '<?xml version="1.0" encoding="UTF-8"?>';

const BULK_REGISTER = [
  PROLOG,
  '<x-cisco-remotecc-request>',
  '<bulkregisterreq>',
  '<contact all="true">',
  '<register></register>',
  '</contact>',
  '</bulkregisterreq>',
  '</x-cisco-remotecc-request>',
  '',
].join('\n');

function optionsIndication(options: readonly string[]): string {
  const usage = (element: string, name: string) => [
    `<${element} usage="${name}">`,
    '<unot></unot>',
    '<sub></sub>',
    `</${element}>`,
  ];
  return [
    PROLOG,
    '<x-cisco-remotecc-request>',
    '<optionsind>',
    '<combine max="6">',
    '<remotecc><status></status></remotecc>',
    '<service-control></service-control>',
    '</combine>',
    ...usage('dialog', 'hook status'),
    ...usage('dialog', 'shared line'),
    ...usage('presence', 'blf speed dial'),
    '<joinreq></joinreq>',
    ...options.map((name) => `<${name}></${name}>`),
    '</optionsind>',
    '</x-cisco-remotecc-request>',
    '',
  ].join('\n');
}

const PART_HEADERS = [
  ['Content-Type', 'application/x-cisco-remotecc-request+xml'],
  ['Content-Disposition', 'session;handling=optional'],
] as const;

/** Body of the first REGISTER: all lines of the device in one go, and what the phone can do. */
export function registerBody(generation: Generation): string {
  return multipartText(BOUNDARY, [
    { headers: PART_HEADERS, text: BULK_REGISTER },
    { headers: PART_HEADERS, text: optionsIndication(generation.options) },
  ]);
}

/** What the phone understands, for OPTIONS and 405. */
export const ALLOW = 'ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO';
export const ALLOW_EVENTS = 'kpml,dialog,refer';
