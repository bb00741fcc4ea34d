/**
 * The text of a `SEP<MAC>.cnf.xml` with holes for what differs between devices. Elements and their order follow the files that
 * CUCM 8 to 12 serve to an SCCP or SIP telephone of the 7900 and 8800 series; the values are a plain installation's.
 */
import type { CallManagerNode } from './configuration-files.ts';
import { escapeXml } from './configuration-template.ts';
import type { DeviceLine } from './device-table.ts';
import type { LabSecurity } from './secure-cluster.ts';

export const DEVICE_FILE_HOLES = [
  'ctiid',
  'uuid',
  'versionStamp',
  'missedCallLogging',
  'phoneLabel',
  'sipLines',
  'load',
  'capf',
  'encryption',
] as const;
export type DeviceFileHole = (typeof DEVICE_FILE_HOLES)[number];

export interface DeviceFileSettings {
  readonly protocol: 'sccp' | 'sip';
  readonly callManagers: readonly CallManagerNode[];
  readonly timeZone: string;
  readonly dateTemplate: string;
  readonly ntpServers: readonly string[];
  /** Seconds; 120 unless given. */
  readonly connectionMonitorDuration?: number;
  readonly vendorConfig: Readonly<Record<string, string>>;
  /** `none` unless given. */
  readonly security?: LabSecurity;
  /** The call managers verify trust, too. */
  readonly tvs?: boolean;
  /** Replaces elements of `sipProfile` and `sipStack`: name to text. */
  readonly sipProfile?: Readonly<Record<string, string>>;
  /** `4`, TCP, unless given. */
  readonly transportLayerProtocol?: string;
}

/** `deviceSecurityMode`. */
const SECURITY_MODES = { none: '1', authenticated: '2', encrypted: '3' } as const;

/** Product specific configuration as an administrator finds it on a fresh device page. */
const VENDOR_CONFIG: Readonly<Record<string, string>> = {
  disableSpeaker: 'false',
  disableSpeakerAndHeadset: 'false',
  forwardingDelay: '1',
  pcPort: '0',
  settingsAccess: '1',
  garp: '1',
  voiceVlanAccess: '0',
  videoCapability: '0',
  autoSelectLineEnable: '0',
  webAccess: '1',
  sshAccess: '1',
  spanToPCPort: '1',
  loggingDisplay: '1',
  loadServer: '',
  recordingTone: '0',
  recordingToneLocalVolume: '100',
  recordingToneRemoteVolume: '50',
  recordingToneDuration: '',
  displayOnTime: '07:30',
  displayOnDuration: '10:30',
  displayIdleTimeout: '01:00',
  daysDisplayNotActive: '1,7',
  displayOnWhenIncomingCall: '1',
  rtcp: '1',
  moreKeyReversionTimer: '5',
  autoCallSelect: '1',
  logServer: '',
  g722CodecSupport: '0',
  headsetWidebandUIControl: '0',
  headsetWidebandEnable: '0',
  handsetWidebandUIControl: '0',
  handsetWidebandEnable: '0',
  peerFirmwareSharing: '1',
  enableCdpSwPort: '1',
  enableCdpPcPort: '1',
  enableLldpSwPort: '1',
  enableLldpPcPort: '1',
  lldpAssetId: '',
  powerPriority: '0',
  minimumRingVolume: '0',
  ehookEnable: '0',
  detectCMConnectionFailure: '0',
};

export function deviceFileText(settings: DeviceFileSettings): string {
  const { security = 'none' } = settings;
  const vendorConfig = { ...VENDOR_CONFIG, ...settings.vendorConfig };
  const sip = settings.protocol === 'sip';
  return `<?xml version="1.0" encoding="UTF-8"?>
<device xsi:type="axl:${sip ? 'XSipPhone' : 'XIPPhone'}" ctiid="{{ctiid}}" uuid="{{{uuid}}}">
<fullConfig>true</fullConfig>
<deviceProtocol>${sip ? 'SIP' : 'SCCP'}</deviceProtocol>
<sshUserId></sshUserId>
<sshPassword></sshPassword>
<ipAddressMode>0</ipAddressMode>
<allowAutoConfig>true</allowAutoConfig>
<dadEnable>true</dadEnable>
<redirectEnable>false</redirectEnable>
<echoMultiEnable>false</echoMultiEnable>
<ipPreferenceModeControl>0</ipPreferenceModeControl>
<ipMediaAddressFamilyPreference>0</ipMediaAddressFamilyPreference>
<mlppDomainId>000000</mlppDomainId>
<mlppIndicationStatus>Off</mlppIndicationStatus>
<preemption>Disabled</preemption>
<executiveOverridePreemptable>false</executiveOverridePreemptable>
${devicePoolText(settings)}
<TVS>
<members>${settings.tvs === true ? `\n${settings.callManagers.map(tvsMemberText).join('\n')}` : ''}
</members>
</TVS>
${sip ? sipProfileText(settings.sipProfile ?? {}) : ''}<MissedCallLoggingOption>{{missedCallLogging}}</MissedCallLoggingOption>
<commonProfile>
<phonePassword></phonePassword>
<backgroundImageAccess>true</backgroundImageAccess>
<callLogBlfEnabled>2</callLogBlfEnabled>
</commonProfile>
<loadInformation>{{load}}</loadInformation>
<vendorConfig>
${Object.entries(vendorConfig)
  .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
  .join('\n')}
</vendorConfig>
<commonConfig>
<softKeyControl>1</softKeyControl>
</commonConfig>
<enterpriseConfig>
<webProtocol>0</webProtocol>
</enterpriseConfig>
<versionStamp>{{versionStamp}}</versionStamp>
${LOCALE_AND_FEATURES.replace(/(?<=<transportLayerProtocol>)4/, settings.transportLayerProtocol ?? '4').replace(/(?<=<deviceSecurityMode>)1/, SECURITY_MODES[security])}</device>
`;
}

function devicePoolText(settings: DeviceFileSettings): string {
  return `<devicePool uuid="{1b1b9eb6-7803-11d3-bdf0-00108302ead1}">
<revertPriority>0</revertPriority>
<name>Default</name>
<dateTimeSetting uuid="{9ec4850a-7748-11d3-bdf0-00108302ead1}">
<name>CMLocal</name>
<dateTemplate>${escapeXml(settings.dateTemplate)}</dateTemplate>
<timeZone>${escapeXml(settings.timeZone)}</timeZone>
<ntps>
${settings.ntpServers.map((name) => `<ntp>\n<name>${escapeXml(name)}</name>\n<ntpMode>Directed Broadcast</ntpMode>\n</ntp>\n`).join('')}</ntps>
</dateTimeSetting>
<callManagerGroup>
<name>Default</name>
<tftpDefault>true</tftpDefault>
<members>
${settings.callManagers.map(memberText).join('\n')}
</members>
</callManagerGroup>
<srstInfo uuid="{cd241e11-4a58-4d3d-9661-f06c912a18a3}">
<name>Disable</name>
<srstOption>Disable</srstOption>
<userModifiable>false</userModifiable>
${[1, 2, 3].map((n) => `<ipAddr${n}></ipAddr${n}>\n<port${n}>2000</port${n}>`).join('\n')}
${[1, 2, 3].map((n) => `<sipIpAddr${n}></sipIpAddr${n}>\n<sipPort${n}>5060</sipPort${n}>`).join('\n')}
<isSecure>false</isSecure>
</srstInfo>
<connectionMonitorDuration>${settings.connectionMonitorDuration ?? 120}</connectionMonitorDuration>
</devicePool>`;
}

function tvsMemberText(node: CallManagerNode, priority: number): string {
  return `<member priority="${priority}">
<port>2445</port>
<address>${escapeXml(node.processNodeName)}</address>
</member>`;
}

function memberText(node: CallManagerNode, priority: number): string {
  return `<member priority="${priority}">
<callManager>
<name>${escapeXml(node.name)}</name>
<description>${escapeXml(node.name)}</description>
<ports>
<ethernetPhonePort>${node.sccpPort}</ethernetPhonePort>
<sipPort>${node.sipPort}</sipPort>
<securedSipPort>5061</securedSipPort>${node.securedSccpPort === undefined ? '' : `\n<securedEthernetPhonePort>${node.securedSccpPort}</securedEthernetPhonePort>`}
<mgcpPorts>
<listen>2427</listen>
<keepAlive>2428</keepAlive>
</mgcpPorts>
</ports>
<processNodeName>${escapeXml(node.processNodeName)}</processNodeName>
</callManager>
</member>`;
}

/** The `line` elements of a SIP telephone; `contact` is the user part of the Contact header, for which CUCM uses a UUID. */
export function sipLineText(lines: readonly DeviceLine[], uuid: string): string {
  return lines
    .map((line, index) => {
      const number = escapeXml(line.directoryNumber);
      return `<line button="${index + 1}" lineIndex="${index + 1}">
<featureID>9</featureID>
<featureLabel>${escapeXml(line.label)}</featureLabel>
<proxy>USECALLMANAGER</proxy>
<port>5060</port>
<name>${number}</name>
<displayName>${escapeXml(line.displayName)}</displayName>
<autoAnswer>
<autoAnswerEnabled>0</autoAnswerEnabled>
</autoAnswer>
<callWaiting>3</callWaiting>
${credentialsText(line)}<sharedLine>false</sharedLine>
<messageWaitingLampPolicy>3</messageWaitingLampPolicy>
<messagesNumber></messagesNumber>
<ringSettingIdle>4</ringSettingIdle>
<ringSettingActive>5</ringSettingActive>
<contact>${uuid.slice(0, -2)}${(index + 1).toString(16).padStart(2, '0')}</contact>
<forwardCallInfoDisplay>
<callerName>true</callerName>
<callerNumber>false</callerNumber>
<redirectedNumber>false</redirectedNumber>
<dialedNumber>true</dialedNumber>
</forwardCallInfoDisplay>
<maxNumCalls>4</maxNumCalls>
<busyTrigger>2</busyTrigger>
</line>
`;
    })
    .join('');
}

function credentialsText({ authName, authPassword }: DeviceLine): string {
  if (authPassword === undefined) return '';
  return `<authName>${escapeXml(authName ?? '')}</authName>\n<authPassword>${escapeXml(authPassword)}</authPassword>\n`;
}

function sipProfileText(replaced: Readonly<Record<string, string>>): string {
  let text = SIP_PROFILE;
  for (const [name, value] of Object.entries(replaced)) {
    const element = new RegExp(`<${name}>[^<]*</${name}>`);
    if (!element.test(text)) throw new Error(`sipProfile has no ${name}`);
    text = text.replace(element, () => `<${name}>${escapeXml(value)}</${name}>`);
  }
  return text;
}

const SIP_PROFILE = `<sipProfile>
<sipProxies>
<backupProxy>USECALLMANAGER</backupProxy>
<backupProxyPort>5060</backupProxyPort>
<emergencyProxy>USECALLMANAGER</emergencyProxy>
<emergencyProxyPort>5060</emergencyProxyPort>
<outboundProxy>USECALLMANAGER</outboundProxy>
<outboundProxyPort>5060</outboundProxyPort>
<registerWithProxy>true</registerWithProxy>
</sipProxies>
<sipCallFeatures>
<cnfJoinEnabled>true</cnfJoinEnabled>
<callForwardURI>x-cisco-serviceuri-cfwdall</callForwardURI>
<callPickupURI>x-cisco-serviceuri-pickup</callPickupURI>
<callPickupListURI>x-cisco-serviceuri-opickup</callPickupListURI>
<callPickupGroupURI>x-cisco-serviceuri-gpickup</callPickupGroupURI>
<meetMeServiceURI>x-cisco-serviceuri-meetme</meetMeServiceURI>
<abbreviatedDialURI>x-cisco-serviceuri-abbrdial</abbreviatedDialURI>
<rfc2543Hold>false</rfc2543Hold>
<callHoldRingback>2</callHoldRingback>
<localCfwdEnable>true</localCfwdEnable>
<semiAttendedTransfer>true</semiAttendedTransfer>
<anonymousCallBlock>2</anonymousCallBlock>
<callerIdBlocking>2</callerIdBlocking>
<remoteCcEnable>true</remoteCcEnable>
<retainForwardInformation>false</retainForwardInformation>
</sipCallFeatures>
<sipStack>
<sipInviteRetx>6</sipInviteRetx>
<sipRetx>10</sipRetx>
<timerInviteExpires>180</timerInviteExpires>
<timerRegisterExpires>3600</timerRegisterExpires>
<timerRegisterDelta>5</timerRegisterDelta>
<timerKeepAliveExpires>120</timerKeepAliveExpires>
<timerSubscribeExpires>120</timerSubscribeExpires>
<timerSubscribeDelta>5</timerSubscribeDelta>
<timerT1>500</timerT1>
<timerT2>4000</timerT2>
<maxRedirects>70</maxRedirects>
<remotePartyID>true</remotePartyID>
<userInfo>None</userInfo>
</sipStack>
<autoAnswerTimer>1</autoAnswerTimer>
<autoAnswerAltBehavior>false</autoAnswerAltBehavior>
<autoAnswerOverride>true</autoAnswerOverride>
<transferOnhookEnabled>false</transferOnhookEnabled>
<enableVad>false</enableVad>
<preferredCodec>none</preferredCodec>
<dtmfAvtPayload>101</dtmfAvtPayload>
<dtmfDbLevel>3</dtmfDbLevel>
<dtmfOutofBand>avt</dtmfOutofBand>
<kpml>3</kpml>
<phoneLabel>{{phoneLabel}}</phoneLabel>
<stutterMsgWaiting>2</stutterMsgWaiting>
<callStats>true</callStats>
<offhookToFirstDigitTimer>15000</offhookToFirstDigitTimer>
<silentPeriodBetweenCallWaitingBursts>10</silentPeriodBetweenCallWaitingBursts>
<disableLocalSpeedDialConfig>true</disableLocalSpeedDialConfig>
<startMediaPort>16384</startMediaPort>
<stopMediaPort>32766</stopMediaPort>
<voipControlPort>5060</voipControlPort>
<dscpForAudio>184</dscpForAudio>
<dscpVideo>136</dscpVideo>
<ringSettingBusyStationPolicy>0</ringSettingBusyStationPolicy>
<dialTemplate></dialTemplate>
<softKeyFile></softKeyFile>
<sipLines>
{{sipLines}}</sipLines>
</sipProfile>
`;

const LOCALE_AND_FEATURES = `<userLocale>
<name>English_United_States</name>
<uid>1</uid>
<langCode>en_US</langCode>
<version>12.5.1.1000-1</version>
<winCharSet>iso-8859-1</winCharSet>
</userLocale>
<networkLocale>United_States</networkLocale>
<networkLocaleInfo>
<name>United_States</name>
<uid>64</uid>
<version>12.5.1.1000-1</version>
</networkLocaleInfo>
<deviceSecurityMode>1</deviceSecurityMode>
<idleTimeout>0</idleTimeout>
<authenticationURL></authenticationURL>
<directoryURL></directoryURL>
<idleURL></idleURL>
<informationURL></informationURL>
<messagesURL></messagesURL>
<proxyServerURL></proxyServerURL>
<servicesURL></servicesURL>
<secureAuthenticationURL></secureAuthenticationURL>
<secureDirectoryURL></secureDirectoryURL>
<secureIdleURL></secureIdleURL>
<secureInformationURL></secureInformationURL>
<secureMessagesURL></secureMessagesURL>
<secureServicesURL></secureServicesURL>
<dscpForSCCPPhoneConfig>96</dscpForSCCPPhoneConfig>
<dscpForSCCPPhoneServices>0</dscpForSCCPPhoneServices>
<dscpForCm2Dvce>96</dscpForCm2Dvce>
<transportLayerProtocol>4</transportLayerProtocol>
<dndCallAlert>5</dndCallAlert>
<phonePersonalization>0</phonePersonalization>
<rollover>0</rollover>
<singleButtonBarge>0</singleButtonBarge>
<joinAcrossLines>0</joinAcrossLines>
<autoCallPickupEnable>false</autoCallPickupEnable>
<blfAudibleAlertSettingOfIdleStation>0</blfAudibleAlertSettingOfIdleStation>
<blfAudibleAlertSettingOfBusyStation>0</blfAudibleAlertSettingOfBusyStation>
{{capf}}
{{encryption}}
<advertiseG722Codec>1</advertiseG722Codec>
<mobility>
<handoffdn></handoffdn>
<dtmfdn></dtmfdn>
<ivrdn></ivrdn>
<dtmfHoldCode>*81</dtmfHoldCode>
<dtmfExclusiveHoldCode>*82</dtmfExclusiveHoldCode>
<dtmfResumeCode>*83</dtmfResumeCode>
<dtmfTxfCode>*84</dtmfTxfCode>
<dtmfCnfCode>*85</dtmfCnfCode>
</mobility>
<TLSResumptionTimer>3600</TLSResumptionTimer>
<userId serviceProfile=""></userId>
<ownerId></ownerId>
<phoneServices useHTTPS="true">
<provisioning>0</provisioning>
<phoneService type="1" category="0">
<name>Missed Calls</name>
<url>Application:Cisco/MissedCalls</url>
<vendor></vendor>
<version></version>
</phoneService>
<phoneService type="1" category="0">
<name>Received Calls</name>
<url>Application:Cisco/ReceivedCalls</url>
<vendor></vendor>
<version></version>
</phoneService>
<phoneService type="1" category="0">
<name>Placed Calls</name>
<url>Application:Cisco/PlacedCalls</url>
<vendor></vendor>
<version></version>
</phoneService>
<phoneService type="2" category="0">
<name>Voicemail</name>
<url>Application:Cisco/Voicemail</url>
<vendor></vendor>
<version></version>
</phoneService>
</phoneServices>
`;
