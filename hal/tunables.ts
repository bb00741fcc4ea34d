/**
 * Everything that can be set with `--set NAME=VALUE`: figures that no public document pins down, or that a lab wants to
 * turn. One table, read by the firmware through `hal.tunables` and listed by `sepia tunables`.
 *
 * Confidence: S seen in a real source, log or capture; D vendor documentation; R a standard; I inferred; ? a guess.
 */

export type Confidence = 'S' | 'D' | 'R' | 'I' | '?';

export interface NumberTunable {
  readonly kind: 'number';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly confidence: Confidence;
  readonly source: string;
  readonly about: string;
}

export interface ChoiceTunable<T extends string = string> {
  readonly kind: 'choice';
  readonly default: T;
  readonly choices: readonly T[];
  readonly confidence: Confidence;
  readonly source: string;
  readonly about: string;
}

export type Tunable = NumberTunable | ChoiceTunable;

/** Durations are in seconds in this table, since people write them; the firmware multiplies by `SECOND`. */
function number(
  value: number,
  [min, max]: readonly [number, number],
  unit: string,
  confidence: Confidence,
  source: string,
  about: string,
): NumberTunable {
  return { kind: 'number', default: value, min, max, unit, confidence, source, about };
}

function choice<T extends string>(
  value: T,
  choices: readonly T[],
  confidence: Confidence,
  source: string,
  about: string,
): ChoiceTunable<T> {
  return { kind: 'choice', default: value, choices, confidence, source, about };
}

export const TUNABLES = {
  'cdp.interval': number(60, [1, 900], 's', 'S', 'voiphopper', 'steady interval between CDP announcements'),
  'cdp.ttl': number(180, [10, 255], 's', 'S', 'captures', 'CDP hold time sent'),
  'cdp.bootQueries': number(10, [1, 60], 'frames', '?', 'discovery 2.5', 'CDP queries sent while nothing is heard'),
  'cdp.bootInterval': number(1, [0.1, 30], 's', '?', 'discovery 2.5', 'spacing of CDP queries at boot'),
  'lldp.interval': number(30, [1, 3600], 's', 'R', '802.1AB 9.2.5.7', 'steady interval between LLDP announcements'),
  'lldp.fastStartCount': number(3, [1, 10], 'frames', 'R', 'TIA-1057 11.2.1', 'LLDP-MED fast start repeat count'),
  'lldp.bootWait': number(
    10,
    [0, 120],
    's',
    '?',
    'discovery 3.4',
    'LLDP unheard for this long after link-up is silent',
  ),
  'lldp.chassisId': choice(
    'address',
    ['address', 'mac'],
    '?',
    'discovery 3.1',
    'Chassis ID sent: network address (0.0.0.0 before DHCP) or MAC address',
  ),
  'vlan.totalWait': number(12, [0, 120], 's', '?', 'discovery 13', 'wait for a voice VLAN before going on untagged'),
  'vlan.precedence': choice(
    'cdp',
    ['cdp', 'lldp', 'last'],
    '?',
    'discovery 3.4',
    'who wins when CDP and LLDP-MED differ',
  ),
  'vlan.whenDropped': choice(
    'keep',
    ['keep', 'leave'],
    '?',
    'discovery 2.5',
    'the switch stops announcing the voice VLAN in use: keep it, or leave it',
  ),
  'marking.precedence': choice(
    'configuration',
    ['configuration', 'policy'],
    '?',
    'discovery 2.6',
    'whose DSCP counts where the LLDP-MED policy and the configuration both name one',
  ),
  'arp.gratuitous': choice(
    'as-cucm',
    ['as-cucm', 'as-chan-sccp', 'accept', 'ignore'],
    '?',
    'discovery 6.6',
    'gratuitous ARP: the garp element with 0 for enabled as CUCM writes it, with 1 for enabled as chan-sccp has it, or always so',
  ),
  'dhcp.maxDiscovers': number(5, [1, 100], 'tries', '?', 'discovery 13', 'DISCOVERs before a stored lease is used'),
  'dhcp.requestTries': number(4, [1, 20], 'tries', 'R', 'RFC 2131 3.1 (5)', 'unanswered REQUESTs before INIT again'),
  'dhcp.rebootTries': number(2, [1, 20], 'tries', '?', 'discovery 4.3', 'REQUESTs for a stored lease before INIT'),
  'dhcp.coldBootWait': number(
    0,
    [0, 10],
    's',
    '?',
    'RFC 2131 4.4.1',
    'longest random wait before the first DISCOVER after power-on, from 1 s; phones are not seen to wait',
  ),
  'dhcp.stateOnReturn': choice(
    'resync',
    ['resync', 'reboot'],
    '?',
    'discovery 4.4',
    'DHCP state shown while the address is asked for again after the link was lost: DHCP RESYNC, or DHCP REBOOT as after power-on',
  ),
  'dhcp.declineWait': number(10, [0, 300], 's', 'R', 'RFC 2131 3.1 (5)', 'wait after a DECLINE'),
  'dhcp.broadcastFlag': choice('no', ['no', 'yes'], '?', 'discovery 4.1', 'ask the server to answer by broadcast'),
  'dhcp.maximumMessageSize': number(1500, [576, 1500], 'octets', '?', 'discovery 4.1', 'DHCP option 57'),
  'dhcp.probeCount': number(1, [0, 3], 'frames', 'R', 'RFC 5227 2.1.1', 'ARP probes before an address is used'),
  'dhcp.probeInterval': number(0.2, [0.05, 2], 's', '?', 'RFC 5227 2.1.1', 'wait after each ARP probe'),
  'dns.timeout': number(2, [0.1, 30], 's', '?', 'RFC 1035 4.2.1', 'wait for a DNS answer from one server'),
  'dns.tries': number(4, [1, 20], 'tries', '?', 'RFC 1035 4.2.1', 'DNS queries over all servers before giving up'),
  'http.connectTimeout': number(4, [0.1, 60], 's', '?', 'discovery 13', 'TCP connect timeout for a file by HTTP'),
  'http.idleTimeout': number(
    4,
    [0.1, 60],
    's',
    '?',
    'discovery 13',
    'silence after which an HTTP transfer is given up',
  ),
  'http.fallbackWait': number(
    0.63,
    [0, 60],
    's',
    'S',
    'px',
    'pause between a file that failed by HTTP and its request by TFTP',
  ),
  'file.transport': choice(
    'model',
    ['model', 'http-first', 'tftp-only'],
    'D',
    'discovery 5.2',
    'by which protocol files are asked for: as the model does, by HTTP 6970 first, or by TFTP alone',
  ),
  'files.ringLists': choice(
    'on-demand',
    ['on-demand', 'at-start'],
    'D',
    'discovery 5.3',
    'when ring lists and the list of backgrounds are fetched: when the user looks for them, or after each configuration',
  ),
  'tftp.firstRetry': number(0.5, [0.05, 10], 's', 'S', 'emcc', 'first TFTP retransmission'),
  'tftp.maxRetry': number(4, [0.1, 60], 's', '?', 'discovery 5.2', 'ceiling of the doubling TFTP retransmission'),
  'tftp.blockSize': number(
    512,
    [8, 1468],
    'octets',
    '?',
    'discovery 5.2',
    'block size asked for by TFTP (RFC 2348); 512 asks for none, as an 8861 does',
  ),
  'tftp.windowSize': number(1, [1, 64], 'blocks', '?', 'RFC 7440', 'TFTP window asked for; 1 asks for none'),
  'tftp.unreachableTries': number(
    2,
    [1, 30],
    'tries',
    '?',
    'RFC 1122 3.2.2.1',
    'TFTP messages answered by ICMP port unreachable before the server is given up',
  ),
  'tftp.tries': number(6, [1, 30], 'tries', '?', 'discovery 13', 'TFTP requests before the server is given up'),
  'file.maxConfigSize': number(2_097_152, [1024, 67_108_864], 'octets', 'D', 'discovery 5.4', 'configuration size cap'),
  'tvs.timeout': number(10, [1, 120], 's', '?', 'usecallmanager tvsc', 'wait for an answer of one TVS server'),
  'tvs.issuerTag': number(4, [0, 255], '', '?', 'security 5', 'tag of the issuer in a TVS certificate query'),
  'tvs.serialTag': number(5, [0, 255], '', '?', 'security 5', 'tag of the serial number in a TVS certificate query'),
  'capf.timeout': number(30, [1, 600], 's', '?', 'security 6', 'wait for a connection to, or an answer of, CAPF'),
  'capf.keyTimeout': number(300, [10, 3600], 's', '?', 'security 6', 'wait for a key that CAPF has ordered'),
  'capf.tries': number(3, [1, 20], 'tries', 'D', 'CUCM security guide', 'tries while CAPF cannot be reached'),
  'capf.retryWait': number(30, [1, 600], 's', 'D', 'CUCM security guide', 'wait between these tries'),
  'capf.retryLater': number(
    60,
    [1, 86_400],
    's',
    '?',
    'security 6',
    'wait after "retry later" that says no time; one that does is taken for seconds',
  ),
  'capf.sudi': choice(
    'with-mic',
    ['with-mic', 'never'],
    '?',
    'security 6.2',
    'whether a phone that shows CAPF a certificate shows that it has its MIC too',
  ),
  'trust.olderList': choice(
    'rejected',
    ['rejected', 'accepted'],
    '?',
    'security 2.1',
    'a trust list signed before the installed one of its kind, as a replayed one is',
  ),
  'trust.typedKeySignature': choice(
    'ignored',
    ['ignored', 'verified'],
    'D',
    'CUCM security guide',
    'the signature of a configuration that is encrypted with a key typed on the phone',
  ),
  'trust.listTries': number(
    4,
    [0, 100],
    'tries',
    'D',
    'CUCM security guide',
    'how often a phone with a secure profile asks for a CTL before it goes on without; 0 asks for ever, as loads before 8.5',
  ),
  'trust.listWait': number(2, [0, 600], 's', '?', 'security 8', 'wait between these tries'),
  'tls.outOfDatePeer': choice(
    'accepted',
    ['accepted', 'refused'],
    '?',
    'security 8',
    'a listed or vouched server certificate that is expired or not yet valid; old models do not look, of new ones nothing is known',
  ),
  'tls.fips': choice(
    'off',
    ['off', 'on'],
    '?',
    'security 8',
    'whether RSA keys of servers below 2048 bits are told in the status menu, as by a phone in FIPS mode',
  ),
  'load.update': choice(
    'follow',
    ['follow', 'ignore'],
    'D',
    'discovery 5.5',
    'whether the phone fetches the load that its configuration names when it runs another one',
  ),
  'peer.firmwareSharing': choice(
    'off',
    ['off', 'as-configured'],
    '?',
    'ours: CPPDP is not public',
    'whether phones of one model and subnet pass on their load where peerFirmwareSharing asks for it, by a protocol of our own',
  ),
  'peer.port': number(6977, [1024, 49_151], '', '?', 'ours', 'UDP and TCP port on which phones pass on their load'),
  'peer.wait': number(1, [0.05, 30], 's', '?', 'ours', 'wait for a phone that has the load'),
  'config.retryLoop': number(45, [1, 600], 's', 'S', 'emcc', 'wait before the configuration is asked for again'),
  'sccp.connectTimeout': number(10, [1, 120], 's', 'I', 'sccp 3.2', 'TCP connect timeout for one call manager'),
  'sccp.registerTimeout': number(30, [1, 300], 's', 'I', 'sccp 3.2', 'wait for RegisterAck'),
  'sccp.answerTimeout': number(3, [0.5, 30], 's', 'I', 'sccp 2.1', 'wait for an answer that some servers never give'),
  'sccp.keepaliveMisses': number(
    3,
    [1, 10],
    'misses',
    'D',
    'sccp 3.1',
    'unanswered keepalives before the node is lost',
  ),
  'sccp.keepaliveGrace': number(
    5,
    [0.1, 60],
    's',
    'I',
    'sccp 3.1',
    'wait for an answer to the last of them: 3 x 30 s of silence, and the phone re-homes',
  ),
  'sccp.namedLoad': choice(
    'unless-in-file',
    ['unless-in-file', 'always', 'ignore'],
    '?',
    'sccp 2.1',
    'whether an old phone fetches the load that the call manager names: unless its configuration names one, always, or never',
  ),
  'sccp.rejectWait': number(45, [1, 600], 's', 'I', 'sccp 3.2', 'wait after RegisterReject'),
  'sccp.standbyKeepalive': number(60, [1, 600], 's', 'D', 'sccp 3.1', 'keepalive interval before any RegisterAck'),
  'sccp.tokenTimeout': number(15, [1, 120], 's', 'I', 'sccp 3.4', 'wait for an answer to RegisterTokenReq'),
  'sccp.unregisterTimeout': number(5, [0.1, 60], 's', 'I', 'sccp 3.5', 'wait for UnregisterAck'),
  'sccp.unknownMessage': choice(
    'skip',
    ['skip', 'fatal'],
    'S',
    'sccp 1.2',
    'what an unknown message does; real Java phones close the connection',
  ),
  'sccp.versionStamp': choice(
    'newest',
    ['never', 'newest', 'always'],
    '?',
    'sccp 2.2',
    'whether Register ends with the version stamp of the configuration; newest: from protocol version 22 on',
  ),
  'sip.registerLines': choice(
    'auto',
    ['auto', 'primary', 'each'],
    '?',
    'discovery 7.10',
    'which lines register: the primary for all, each for itself, or each where the server does not register in bulk',
  ),
  'sip.shortExpires': choice(
    'refresh',
    ['refresh', 'unregister'],
    'S',
    'sipcc',
    'a registration so short that its refresh is due within 60 s: refresh all the same, or leave as SIPCC does',
  ),
  'sip.tokenTimeout': number(15, [1, 120], 's', 'I', 'sccp 3.4', 'wait for an answer to a token REFER'),
  'sip.keepalive': number(
    60,
    [0, 3600],
    's',
    '?',
    'discovery 7.7',
    'REGISTERs with cisco-keep-alive over the registration itself, as over a standby connection, towards call managers that name X-cisco-sis; 0 none',
  ),
  'sip.tcpKeepalive': number(
    30,
    [0, 3600],
    's',
    '?',
    'RFC 9293 3.8.4',
    'silence on a TCP connection after which the phone probes whether the other end is still there; 0 never',
  ),
  'sip.unregisterTimeout': number(
    5,
    [0.1, 60],
    's',
    'I',
    'discovery 7.8',
    'wait for the 200 to a REGISTER that leaves',
  ),
  'sip.holdDirection': choice(
    'sendonly',
    ['sendonly', 'inactive', 'recvonly'],
    '?',
    'RFC 3264 8.4',
    'direction in the SDP with which a call is put on hold',
  ),
  'sip.interDigitTimeout': number(
    10,
    [1, 60],
    's',
    '?',
    'discovery 6.2',
    'digits typed off hook are dialled when nothing follows for so long',
  ),
  'sip.busyTrigger': number(2, [1, 16], 'calls', 'D', 'CUCM', 'calls from which on another one is answered with 486'),
  'callmanager.autoRegister': choice(
    'allowed',
    ['allowed', 'refused'],
    'D',
    'CUCM',
    'whether a phone without a file of its own registers all the same',
  ),
  'callmanager.xmlAlarm': choice(
    'newest',
    ['never', 'newest', 'always'],
    'S',
    'sccp 3.6',
    'the long alarm beside the short one when the phone registers; newest: SCCP of version 22, SIP loads from 12 on',
  ),
  'callmanager.roundWait': number(10, [1, 600], 's', 'I', 'sccp 3.2', 'wait after a fruitless round through the list'),
  'callmanager.roundWaitMax': number(60, [1, 3600], 's', 'I', 'sccp 3.2', 'ceiling of that wait'),
  'callmanager.standby': choice(
    'open',
    ['open', 'none'],
    'S',
    'sccp 3.3',
    'connections to other call managers than that of the registration: one to the next, and one to a better one; or none',
  ),
  'callmanager.standbyRetry': number(
    60,
    [1, 3600],
    's',
    '?',
    'sccp 3.3',
    'wait before a call manager that a standby connection was lost to, or did not reach, is tried again',
  ),
  'callmanager.tokenSilence': choice(
    'refused',
    ['refused', 'granted'],
    'I',
    'sccp 3.4',
    'no answer to the question for leave to go back: stay and ask again, or go, as towards servers that know no tokens',
  ),
  'call.outsidePrefix': number(
    9,
    [0, 999],
    'digits',
    'I',
    'dialling plans',
    'dialled for an outside line, beside 0 and 9: an emergency number is refused behind it too',
  ),
  'sccp.heldDigitsWait': number(
    4,
    [1, 60],
    's',
    'I',
    'contract 6',
    'digits that could become an emergency number are held back, and sent in one piece when nothing follows for so long',
  ),
  'call.autoAnswer': number(
    0,
    [0, 3600],
    's',
    'I',
    'load tests',
    'a phone that rings this long answers by itself; 0 never',
  ),
  'call.preservation': choice(
    'wait',
    ['wait', 'off'],
    'S',
    'sccp 3.3',
    'a connected call whose call manager is lost: its audio goes on, and the phone registers elsewhere when the user hangs up; or it ends at once',
  ),
  'media.codecs': choice(
    'spoken',
    ['spoken', 'as-model'],
    'S',
    'sccp 2.2',
    'codecs offered over SCCP: G.711, which is spoken, or all that a 7961 lists; one that is not spoken is then refused when a call asks for it',
  ),
  'media.source': choice(
    'silence',
    ['silence', 'tone'],
    'I',
    'load tests',
    'what is spoken into the phone during a call',
  ),
  'boot.ledStep': number(
    0.5,
    [0, 10],
    's',
    '?',
    'discovery 8.1',
    'time of one lamp of the start-up sequence, realistic timing only',
  ),
} as const satisfies Record<string, Tunable>;

export type TunableName = keyof typeof TUNABLES;

type ValueOf<T> = T extends { kind: 'number' }
  ? number
  : T extends { kind: 'choice'; choices: readonly (infer C)[] }
    ? C
    : never;

/** A value for each name; one frozen object shared by all phones of a group. */
export type TunableValues = { readonly [N in TunableName]: ValueOf<(typeof TUNABLES)[N]> };

/** The defaults, with what the operator set laid over them. */
export function tunableValues(overrides: Partial<TunableValues> = {}): TunableValues {
  const values: Record<string, number | string> = {};
  for (const [name, tunable] of Object.entries(TUNABLES)) values[name] = tunable.default;
  return Object.freeze(Object.assign(values, overrides)) as TunableValues;
}
