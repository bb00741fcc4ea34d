/** What a SIP call manager of the lab is made with, and what it counts. */
import type { Sockets } from '../../firmware/net/sockets.ts';
import type { Timeline } from '../../hal/timeline.ts';
import type { Instant } from '../../hal/timer.ts';
import type { CallManagerEvent } from '../call-manager/call-manager-options.ts';
import type { Device, DeviceTable } from '../device-table.ts';
import type { SecureListenerOptions, SecureServices } from '../secure-listener.ts';

export interface SipCallManagerOptions {
  /** Name in events: `cm1`. */
  readonly name: string;
  /** Host part of what it writes into its own requests: an address or a name. */
  readonly node: string;
  readonly timeline: Timeline;
  readonly sockets: Sockets;
  readonly devices: DeviceTable;
  readonly port?: number;
  /** Granted however long a phone asks for. */
  readonly expiresSeconds?: number;
  /** Asks every phone for the password of its line. */
  readonly digest?: { readonly realm: string };
  /** False leaves remotecc out, as a registrar of another maker. */
  readonly remotecc?: boolean;
  /** Shorter registrations are answered with 423. */
  readonly minExpires?: number;
  /** What a device type is called: for devices that register themselves. */
  readonly modelName?: (deviceType: number) => string | null;
  /** What the device's file carries as `versionStamp`, for `check-version`. */
  readonly versionStamp?: (device: Device) => string;
  /** Calendar time at instant 0 of the timeline, milliseconds since 1970. */
  readonly epoch?: number;
  /** Listens for TLS as well. A device with a secure profile is rejected in the clear then, and its certificate has to bear its name. */
  readonly secure?: { readonly services: SecureServices; readonly tls: SecureListenerOptions };
  /** Text with which a device that is in the table is rejected all the same; null lets it in. */
  readonly reject?: (device: Device) => string | null;
  readonly events?: (at: Instant, event: CallManagerEvent) => void;
}

export interface SipCallManagerCounters {
  connections: number;
  open: number;
  /** Devices registered now. */
  registered: number;
  registrations: number;
  refreshes: number;
  challenges: number;
  rejections: number;
  unregistrations: number;
  superseded: number;
  /** REGISTERs of standby connections. */
  keepalives: number;
  /** Registrations that ran out. */
  silent: number;
  /** Registrations lost with their connection. */
  lost: number;
  alarms: number;
  tokens: number;
  /** Requests that were refused as malformed, and octets that are no SIP. */
  bad: number;
  garbled: number;
}
