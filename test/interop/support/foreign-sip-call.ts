/** A call between phones of another maker for SIPp to play, as RFC 3261 has it. `field0` is the phone's own number, `field1` its answer to a challenge, `field2` whom it calls. */

const MUST_BE = 'search_in="hdr" check_it="true"';

const register = (cseq: number, expires: number, headers = ''): string => `<send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[field0]@[remote_ip]>;tag=[pid]SIPpReg[call_number]
To: <sip:[field0]@[remote_ip]>
Call-ID: reg///[call_id]
CSeq: ${cseq} REGISTER
Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>
${headers}Expires: ${expires}
Content-Length: 0

]]></send>
  <recv response="100" optional="true"/>`;

const SIGN_IN = `${register(1, 300)}
  <recv response="401" auth="true"/>
  ${register(2, 300, '[field1]\n')}
  <recv response="200"/>`;

const SIGN_OUT = `${register(3, 0, '[field1]\n')}
  <recv response="200"/>`;

/** `owner` tells whose it is. */
const sdp = (owner: string): string => `Content-Type: application/sdp
Content-Length: [len]

v=0
o=${owner} 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
`;

/** A request of the caller within its call; that of an ACK to a 200, and of BYE, goes to the Contact of who answered (12.2.1.1). */
const ofCaller = (
  method: string,
  uri: string,
  branch: string,
  to: string,
  more: string,
): string => `${method} ${uri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=${branch}
Max-Forwards: 70
From: <sip:[field0]@[remote_ip]>;tag=[pid]SIPpCall[call_number]
To: <sip:[field2]@[remote_ip]>${to}
Call-ID: [call_id]
CSeq: 10 ${method}
${more}`;

const CALLED = 'sip:[field2]@[remote_ip]:[remote_port]';
const CONTACT = 'Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>\n';
const INVITE = `<send retrans="500"><![CDATA[
${ofCaller('INVITE', CALLED, 'z9hG4bK[pid]i[call_number]', '', CONTACT + sdp('caller'))}
]]></send>
  <recv response="100" optional="true"/>`;
const EMPTY = 'Content-Length: 0\n';

/** The ACK to a refusal is of the INVITE's own transaction (17.1.1.3). */
const ACK_REFUSAL = `<send><![CDATA[
${ofCaller('ACK', CALLED, 'z9hG4bK[pid]i[call_number]', '[peer_tag_param]', EMPTY)}
]]></send>`;

const answer = (status: string, more: string): string => `
SIP/2.0 ${status}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpAnswer[call_number]
[last_Call-ID:]
[last_CSeq:]
${more}
`;

const OK_WITHIN = `<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>`;

const ANSWERER_CONTACT = 'Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>\n';
const RING = `<recv request="INVITE">
    <action>
      <ereg regexp="&lt;(sip:[^&gt;]*)&gt;" ${MUST_BE} header="Contact:" assign_to="contact,uri"/>
      <ereg regexp=".*" ${MUST_BE} header="From:" assign_to="from"/>
      <ereg regexp=".*" ${MUST_BE} header="To:" assign_to="to"/>
      <ereg regexp="[0-9]+ INVITE" ${MUST_BE} header="CSeq:" assign_to="sequence"/>
      <ereg regexp="[0-9]+" ${MUST_BE} header="Max-Forwards:" assign_to="hops"/>
      <ereg regexp="o=caller .*m=audio [0-9]+ RTP/AVP 0" search_in="body" check_it="true" assign_to="offer"/>
    </action>
  </recv>
  <send><![CDATA[${answer('180 Ringing', `${ANSWERER_CONTACT}${EMPTY}`)}]]></send>`;
/** SIPp counts neither these calls nor their failures: each that went through the whole of its scenario is a line of the log. */
const DONE = '<nop><action><log message="done"/></action></nop>';
const READ = '<Reference variables="contact,uri,from,to,sequence,hops,offer"/>';

const scenario = (name: string, ...steps: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="${name}">\n  ${steps.join('\n  ')}\n</scenario>\n`;

/** Registered for as long as the process runs; calls come in by the scenarios of `CALLED_PHONE`. */
export const WAITING_PHONE = scenario('a phone that waits for calls', SIGN_IN, '<pause milliseconds="600000"/>');

/** What the phone does that is called, each with what its caller sees of it. */
export const CALLED_PHONE = {
  /** It hangs up itself, once it has had its ACK. */
  answers: scenario(
    'a call that is answered',
    RING,
    `<send retrans="500"><![CDATA[${answer('200 OK', ANSWERER_CONTACT + sdp('callee'))}]]></send>`,
    '<recv request="ACK"/>',
    `<send retrans="500"><![CDATA[
BYE [$uri] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From:[$to];tag=[pid]SIPpAnswer[call_number]
To:[$from]
[last_Call-ID:]
CSeq: 1 BYE
Content-Length: 0

]]></send>`,
    '<recv response="200"/>',
    DONE,
    READ,
  ),
  refuses: scenario(
    'a call that is refused',
    RING,
    `<send retrans="500"><![CDATA[${answer('486 Busy Here', EMPTY)}]]></send>`,
    '<recv request="ACK"/>',
    DONE,
    READ,
  ),
  'is too slow': scenario(
    'a call that is taken back',
    RING,
    '<recv request="CANCEL"/>',
    `<send><![CDATA[${answer('200 OK', EMPTY)}]]></send>`,
    // The INVITE that was taken back has its own answer (9.2).
    `<send retrans="500"><![CDATA[${answer('487 Request Terminated', EMPTY).replace('[last_CSeq:]', 'CSeq: [$sequence]')}]]></send>`,
    '<recv request="ACK"/>',
    DONE,
    READ,
  ),
} as const;

/** Registers, calls, sees what the name says of the other phone, and leaves. */
export const CALLING_PHONE: Readonly<Record<keyof typeof CALLED_PHONE, string>> = {
  answers: scenario(
    'a caller whose call is answered',
    SIGN_IN,
    INVITE,
    '<recv response="180"/>',
    `<recv response="200" rrs="true">
    <action>
      <ereg regexp="tag=" ${MUST_BE} header="To:" assign_to="tag"/>
      <ereg regexp="o=callee .*m=audio [0-9]+ RTP/AVP 0" search_in="body" check_it="true" assign_to="chosen"/>
    </action>
  </recv>`,
    `<send><![CDATA[
${ofCaller('ACK', '[next_url]', '[branch]', '[peer_tag_param]', EMPTY)}
]]></send>`,
    '<recv request="BYE"/>',
    OK_WITHIN,
    SIGN_OUT,
    '<Reference variables="tag,chosen"/>',
  ),
  refuses: scenario(
    'a caller whose call is refused',
    SIGN_IN,
    INVITE,
    '<recv response="180"/>',
    '<recv response="486"/>',
    ACK_REFUSAL,
    SIGN_OUT,
  ),
  'is too slow': scenario(
    'a caller who hangs up while it rings',
    SIGN_IN,
    INVITE,
    '<recv response="180"/>',
    `<send retrans="500"><![CDATA[
${ofCaller('CANCEL', CALLED, 'z9hG4bK[pid]i[call_number]', '', EMPTY)}
]]></send>`,
    '<recv response="200"/>',
    '<recv response="487"/>',
    ACK_REFUSAL,
    SIGN_OUT,
  ),
};
