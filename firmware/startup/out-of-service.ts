import type { ResetReason } from '../../hal/power.ts';
import type { Endpoint } from '../net/sockets.ts';
import { generationOf } from '../protocols/sip/offer.ts';
import { ipv4Text } from '../wire/address.ts';
import { type OutOfServiceReason, xmlAlarm } from '../wire/sccp/alarm.ts';
import type { PhoneContext } from './phone-context.ts';

const ALARM_OF_RESET: Readonly<Record<ResetReason, OutOfServiceReason>> = Object.freeze({
  'power-on': 'initialized',
  reset: 'reset',
  restart: 'restart',
  keypad: 'keypad',
  'load-update': 'reset',
  'factory-reset': 'initialized',
  fault: 'abort',
  watchdog: 'abort',
  recovery: 'initialized',
});

/** What the first alarm after a boot says, by why the phone was reset. */
export function alarmOfReset(reason: ResetReason): OutOfServiceReason {
  return ALARM_OF_RESET[reason];
}

/** Protocol version from which the XML alarm is sent: a 7961G of version 22 is on record. */
const XML_ALARM_SINCE = 22;

/** Numbers of two enumerations of which no public document says more than their names. [?] */
const DHCP_STATUS = { static: 0, bound: 1 } as const;
const TFTP_CONFIG_RECEIVED = 1;

/** The last messages before a reset as a real phone named them (chan-sccp, issue 200); for other ends nothing is on record. */
function lastEvents(reason: OutOfServiceReason, isSccp: boolean): readonly [sent: string, received: string] {
  if (!isSccp) return ['', ''];
  if (reason === 'initialized') return ['1:Register', ''];
  return reason === 'reset' || reason === 'restart' ? ['39:Unregister', '159:Reset'] : ['', ''];
}

/**
 * LastOutOfServiceInformation, which newer loads send beside the short alarm: over SCCP in XMLAlarm, over SIP in a REFER. Null for the others.
 * @param lost the connection of the registration that is over; null when there was none
 */
export function outOfServiceXml(
  phone: PhoneContext,
  reason: OutOfServiceReason,
  lost: LostConnection | null,
): string | null {
  const { hal, boot, facts } = phone;
  const isSccp = facts.configuration!.sip === undefined;
  const rule = hal.tunables['callmanager.xmlAlarm'];
  const { model, deviceName } = hal.board;
  // Loads of that age number their SIP requests by session, too.
  const isNew = isSccp ? model.sccp.version >= XML_ALARM_SINCE : generationOf(boot.load).sessionId;
  if (rule === 'never' || (rule === 'newest' && !isNew)) return null;
  const { address, prefixLength, routers, server } = facts.addressing!;
  const neighbor = facts.neighbors.cdp ?? facts.neighbors.lldp;
  const [lastEventSent, lastEventReceived] = lastEvents(reason, isSccp);
  return xmlAlarm({
    deviceName,
    address: `${ipv4Text(address)}/${prefixLength}`,
    gateway: routers[0] === undefined ? '' : ipv4Text(routers[0]),
    modelNumber: model.productId,
    neighbor:
      neighbor === null
        ? null
        : {
            address: neighbor.address === null ? '' : ipv4Text(neighbor.address),
            deviceId: neighbor.device,
            portId: neighbor.port,
          },
    dhcpStatus: server === undefined ? DHCP_STATUS.static : DHCP_STATUS.bound,
    tftpConfigStatus: TFTP_CONFIG_RECEIVED,
    voiceVlan: facts.vlan,
    connection: lost === null ? null : { callManager: lost.callManager.address, localPort: lost.localPort },
    timeStamp: hal.wallClock.now(),
    reason: reason === 'initialized' ? null : reason,
    lastEventSent,
    lastEventReceived,
  });
}

export interface LostConnection {
  readonly callManager: Endpoint;
  readonly localPort: number;
}
