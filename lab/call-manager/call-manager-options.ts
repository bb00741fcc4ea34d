import type { Sockets } from '../../firmware/net/sockets.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import type { Timeline } from '../../hal/timeline.ts';
import type { Instant } from '../../hal/timer.ts';
import type { Device, DeviceTable } from '../device-table.ts';
import type { SecureListenerOptions, SecureServices } from '../secure-listener.ts';
import type { CallEvent } from './switchboard.ts';

/** One flat object an event; `device` is empty for a connection whose phone is not known. */
export type CallManagerEvent =
  | {
      readonly type: 'registration';
      readonly outcome: 'registered' | 'unregistered' | 'rejected' | 'superseded' | 'lost';
      readonly manager: string;
      readonly device: string;
      readonly address: Ipv4;
      /** Protocol version, with `registered`. */
      readonly version?: number;
      /** Text of the rejection, or why the phone was lost: `silent`, `no-capabilities` or what TCP says. */
      readonly reason?: string;
    }
  | {
      readonly type: 'alarm';
      readonly manager: string;
      readonly device: string;
      readonly address: Ipv4;
      readonly text: string;
    }
  | ({ readonly manager: string } & CallEvent)
  | { readonly type: 'call-manager'; readonly manager: string; readonly running: boolean; readonly how: string };

export interface CallManagerOptions {
  /** Name in events and in ConfigStat: `cm1`. */
  readonly name: string;
  readonly timeline: Timeline;
  readonly sockets: Sockets;
  readonly devices: DeviceTable;
  /** What a device type is called: for devices that register themselves. */
  readonly modelName?: (deviceType: number) => string | null;
  readonly port?: number;
  readonly keepaliveSeconds?: number;
  readonly standbyKeepaliveSeconds?: number;
  /** Highest protocol version spoken. */
  readonly version?: number;
  /** Letters D, M, Y, separators, A for the 12-hour clock. */
  readonly dateTemplate?: string;
  /** Calendar time at instant 0 of the timeline, milliseconds since 1970. */
  readonly epoch?: number;
  /** The phones' zone, minutes east of UTC. */
  readonly zoneMinutes?: number;
  readonly strictCapabilities?: boolean;
  /** Listens for TLS as well. A device with a secure profile is rejected on the plain port then, and its certificate has to bear its name. */
  readonly secure?: {
    readonly services: SecureServices;
    readonly tls: SecureListenerOptions;
    readonly port?: number;
  };
  /** Text with which a device that is in the table is rejected all the same; null lets it in. */
  readonly reject?: (device: Device) => string | null;
  readonly events?: (at: Instant, event: CallManagerEvent) => void;
}

export interface CallManagerCounters {
  /** Connections accepted so far, and open now. */
  connections: number;
  open: number;
  /** Devices registered now. */
  registered: number;
  registrations: number;
  rejections: number;
  unregistrations: number;
  superseded: number;
  keepalives: number;
  /** Registrations dropped for silence. */
  silent: number;
  /** Registrations lost with their connection. */
  lost: number;
  alarms: number;
  tokens: number;
  /** Messages that mean nothing to this server, and streams out of step. */
  unknown: number;
  garbled: number;
}

export type StopMode = 'fin' | 'rst' | 'silent';
