/**
 * The documented startup process of a Cisco Unified IP Phone, step by step. Read this file first.
 *
 *  1. power          The switch (or a cube) gives power.                                           board, device/phone.ts
 *  2. image          The bootstrap loader runs the phone image stored in flash.                    bootloader/boot.ts
 *  3. voice-vlan     The phone learns its voice VLAN from the switch by CDP or LLDP-MED.           voice-vlan-stage.ts
 *  4. address        It gets an IP address by DHCP, or uses the static one.                        address-stage.ts
 *  5. tftp-server    It finds its TFTP server: the alternate one, DHCP's, or CiscoCM1's.           tftp-server-stage.ts
 *  6. ctl-file       It asks for the certificate trust list.                                       trust-file-stage.ts
 *  7. itl-file       It asks for the initial trust list.                                           trust-file-stage.ts
 *  8. configuration  It asks for its configuration file, then for the default one.                 configuration-stage.ts
 *                    A load that the file names and the phone does not have is fetched.            load-update-stage.ts
 *                    So are the files that belong to it: locale, soft keys, dial rules.            companion-files-stage.ts
 *                    A certificate that it asks for is got from CAPF, now or after step 9.         enrolment-stage.ts
 *  9. call-manager   It contacts the call managers in priority order and registers.                call-manager-stage.ts
 *
 * The first two are over when this code runs. The order of the others is this list and nothing else; the sequencer walks
 * it and knows the edges back.
 */
import type { Instant } from '../../hal/timer.ts';
import type { PhonePolicy } from '../phone/config/phone-policy.ts';
import type { ListKind } from '../phone/trust/judge-list.ts';
import { restoreLsc } from '../phone/trust/lsc-store.ts';
import { TrustStore } from '../phone/trust/trust-store.ts';
import { ipv4Text } from '../wire/address.ts';
import { AddressStage } from './address-stage.ts';
import { CallManagerStage } from './call-manager-stage.ts';
import { CompanionFiles } from './companion-files.ts';
import { CompanionFilesStage } from './companion-files-stage.ts';
import { ConfigurationStage } from './configuration-stage.ts';
import type { OpenSecurely } from './download.ts';
import { EnrolmentStage } from './enrolment-stage.ts';
import { LoadUpdateStage } from './load-update-stage.ts';
import type { PhoneContext } from './phone-context.ts';
import { SecureConnections, type SecureServer } from './secure-connection.ts';
import type { Stage } from './stage.ts';
import { TftpServerStage } from './tftp-server-stage.ts';
import { TrustFileStage, type TrustFiles } from './trust-file-stage.ts';
import { TvsConnection } from './tvs-connection.ts';
import { VoiceVlanStage } from './voice-vlan-stage.ts';

export interface Stages {
  readonly inOrder: readonly Stage[];
  readonly voiceVlan: VoiceVlanStage;
  readonly address: AddressStage;
  readonly callManager: CallManagerStage;
  readonly companions: CompanionFiles;
  readonly tvs: TvsConnection;
  readonly enrolment: EnrolmentStage;
  /** Forgets the installed trust lists, and says which there were. */
  readonly eraseTrust: () => readonly ListKind[];
  /** The start is over: trust lists need not stay in memory. */
  readonly releaseTrust: () => void;
}

export function startupStages(phone: PhoneContext): Stages {
  const voiceVlan = new VoiceVlanStage(phone);
  const address = new AddressStage(phone, (now, ip, domain) => voiceVlan.announceAddress(now, ip, domain));
  const { secure, tunables } = phone.hal;
  const olderList = tunables['trust.olderList'] === 'accepted' ? 'accepted' : 'rejected';
  const store = new TrustStore(phone.trust, secure, olderList);
  const connections = new SecureConnections(phone, store);
  const tvs = new TvsConnection(phone, connections);
  const callManager = new CallManagerStage(phone, {
    store,
    connections,
    tvs,
    readConfiguration: (checked) => new ConfigurationStage(checked, trust),
  });
  const https = httpsOpening(connections, tvs);
  const trust: TrustFiles = { store, tvs, https, round: { ctl: null, itl: null }, encryption: 'plain' };
  const companions = new CompanionFiles(phone, trust);
  restoreLsc(phone.trust, secure);
  const files = new CompanionFilesStage(
    phone,
    new LoadUpdateStage(phone, new ConfigurationStage(phone, trust)),
    companions,
    (now, policy) => applyPolicy(now, phone, voiceVlan, policy),
  );
  const reset = (now: Instant) => callManager.leave(now, () => phone.hal.power.reset('reset'));
  const enrolment = new EnrolmentStage(phone, files, { trust, connections, tvs, reset });
  return {
    voiceVlan,
    address,
    callManager,
    companions,
    tvs,
    enrolment,
    eraseTrust: () => store.erase(),
    releaseTrust: () => store.release(),
    inOrder: [
      voiceVlan,
      address,
      new TftpServerStage(phone),
      TrustFileStage.ctl(phone, trust),
      TrustFileStage.itl(phone, trust),
      enrolment,
      callManager,
    ],
  };
}

/** "Server certificate: EC key, TFTP role", by the lists, or else by TVS. */
function httpsOpening(connections: SecureConnections, tvs: TvsConnection): OpenSecurely {
  const verify: SecureServer['verify'] = (now, certificate, answer) => tvs.verify(now, certificate, answer);
  return (now, remote, sink, options) => {
    const host = ipv4Text(remote.address);
    const server = { remote, host, role: 'TFTP', encrypted: true, elliptic: true, verify } as const;
    return connections.connect(now, server, sink, options);
  };
}

/** What a configuration changes below the call manager: announcements, marks, gratuitous ARP. */
function applyPolicy(now: Instant, phone: PhoneContext, voiceVlan: VoiceVlanStage, policy: PhonePolicy): void {
  voiceVlan.configure(now, policy);
  const octet = policy.tos.files ?? null;
  if (octet !== null) phone.files.mark = { priority: 0, dscp: octet >> 2 };
  phone.stack.acceptGratuitousArp(acceptsGratuitousArp(phone.hal.tunables['arp.gratuitous'], policy.garp));
}

/** The sources differ on the polarity of `garp`; a file without it leaves the phone's default, which is to accept. */
function acceptsGratuitousArp(rule: string, garp: string | null): boolean {
  if (rule === 'accept' || rule === 'ignore') return rule === 'accept';
  if (garp === null) return true;
  return garp === (rule === 'as-cucm' ? '0' : '1');
}
