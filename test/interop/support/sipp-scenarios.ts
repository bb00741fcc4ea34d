/** What SIPp says and wants to hear; each one call of SIPp's, that is, one Call-ID. */

const OK_HEADERS = `[last_Via:]
[last_From:]
[last_To:];tag=sipp[call_number]
[last_Call-ID:]
[last_CSeq:]`;

/**
 * A registrar of the plain kind: it challenges the first REGISTER and takes the second. Since SIPp takes messages of another Call-ID for another call, a service control
 * NOTIFY and a call to the phone go by the Call-ID of the REGISTER, which nothing forbids. The alarm that a phone tells over TCP is a call of its own.
 */
export const REGISTRAR_AND_CALLER = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="registrar and caller">
  <recv request="REFER" optional="true" next="alarm"/>
  <recv request="INVITE" optional="true" next="called"/>
  <recv request="REGISTER"/>
  <send><![CDATA[
SIP/2.0 401 Unauthorized
${OK_HEADERS}
WWW-Authenticate: Digest realm="sipp", nonce="47ebe028cda119c35d4877b383027d28da013815", algorithm=MD5, qop="auth"
Content-Length: 0

]]></send>
  <recv request="REGISTER">
    <action>
      <ereg regexp="&lt;(sip:[^&gt;]*)&gt;" search_in="hdr" header="Contact:" assign_to="all,contact"/>
      <ereg regexp="response=.[0-9a-f]{32}" search_in="hdr" header="Authorization:" check_it="true" assign_to="answer"/>
    </action>
  </recv>
  <send><![CDATA[
SIP/2.0 200 OK
${OK_HEADERS}
Contact: <[$contact]>;expires=60
Content-Length: 0

]]></send>
  <pause milliseconds="200"/>
  <send retrans="500"><![CDATA[
NOTIFY [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[local_ip]>;tag=control
To: <[$contact]>
Call-ID: [call_id]
CSeq: 1 NOTIFY
Event: service-control
Subscription-State: active
Content-Type: text/plain
Content-Length: [len]

action=check-version
RegisterCallId={}
ConfigVersionStamp={}

]]></send>
  <recv response="200"/>
  <send retrans="500"><![CDATA[
OPTIONS [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[local_ip]>;tag=options
To: <[$contact]>
Call-ID: [call_id]
CSeq: 2 OPTIONS
Content-Length: 0

]]></send>
  <recv response="200"/>
  <send retrans="500"><![CDATA[
INVITE [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: "SIPp" <sip:5000@[local_ip]>;tag=caller
To: <[$contact]>
Call-ID: [call_id]
CSeq: 3 INVITE
Contact: <sip:5000@[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 0
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000

]]></send>
  <recv response="100" optional="true"/>
  <recv response="180"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
ACK [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: "SIPp" <sip:5000@[local_ip]>;tag=caller
To: <[$contact]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 3 ACK
Content-Length: 0

]]></send>
  <pause milliseconds="1000"/>
  <send retrans="500"><![CDATA[
BYE [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: "SIPp" <sip:5000@[local_ip]>;tag=caller
To: <[$contact]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 4 BYE
Content-Length: 0

]]></send>
  <recv response="200" next="end"/>
  <label id="called"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
${OK_HEADERS}
Contact: <sip:5000@[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

]]></send>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
${OK_HEADERS}
Contact: <sip:5000@[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

]]></send>
  <recv request="ACK"/>
  <recv request="INVITE"/>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:5000@[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687638 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=recvonly

]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send next="end"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
  <label id="alarm"/>
  <send><![CDATA[
SIP/2.0 202 Accepted
${OK_HEADERS}
Content-Length: 0

]]></send>
  <label id="end"/>
  <Reference variables="all,answer"/>
</scenario>
`;

/** A registrar that has no room for a while. */
export const UNAVAILABLE = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="unavailable">
  <recv request="REFER" optional="true" next="alarm"/>
  <recv request="REGISTER"/>
  <send next="end"><![CDATA[
SIP/2.0 503 Service Unavailable
${OK_HEADERS}
Retry-After: 5
Content-Length: 0

]]></send>
  <label id="alarm"/>
  <send><![CDATA[
SIP/2.0 202 Accepted
${OK_HEADERS}
Content-Length: 0

]]></send>
  <label id="end"/>
</scenario>
`;
