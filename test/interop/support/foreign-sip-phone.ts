const register = (
  cseq: number,
  expires: number,
  headers = '',
): string => `REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[field0]@[remote_ip]>;tag=[pid]SIPpTag00[call_number]
To: <sip:[field0]@[remote_ip]>
Call-ID: [call_id]
CSeq: ${cseq} REGISTER
Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>
${headers}Expires: ${expires}
Content-Length: 0

`;

/**
 * A phone without any of Cisco's headers, as RFC 3261 has it, for SIPp to play: challenged, registered, asked by OPTIONS, refreshed with the same nonce, gone. `field0` is
 * its number and `field1` what it answers a challenge with.
 */
export const FOREIGN_SIP_PHONE = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="a phone of another maker">
  <send retrans="500"><![CDATA[
${register(1, 300)}]]></send>
  <recv response="100" optional="true"/>
  <recv response="401" auth="true"/>
  <send retrans="500"><![CDATA[
${register(2, 300, '[field1]\n')}]]></send>
  <recv response="100" optional="true"/>
  <recv response="200">
    <action>
      <ereg regexp="expires=120" search_in="hdr" header="Contact:" check_it="true" assign_to="granted"/>
      <ereg regexp="GMT" search_in="hdr" header="Date:" check_it="true" assign_to="date"/>
    </action>
  </recv>
  <send retrans="500"><![CDATA[
OPTIONS sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[field0]@[remote_ip]>;tag=[pid]SIPpTag01[call_number]
To: <sip:[remote_ip]>
Call-ID: [call_id]
CSeq: 3 OPTIONS
Content-Length: 0

]]></send>
  <recv response="200"/>
  <send retrans="500"><![CDATA[
${register(4, 300, '[field1]\n')}]]></send>
  <recv response="100" optional="true"/>
  <recv response="200"/>
  <send retrans="500"><![CDATA[
${register(5, 0, '[field1]\n')}]]></send>
  <recv response="100" optional="true"/>
  <recv response="200"/>
  <Reference variables="granted,date"/>
</scenario>
`;
