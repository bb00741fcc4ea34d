/** What the lab's parts tell whoever listens: one flat object an event, addresses as text, since people and tests read them. */
import type { Instant } from '../hal/timer.ts';

export type LabEvent =
  | { readonly type: 'switch.link'; readonly port: string; readonly up: boolean }
  | {
      readonly type: 'switch.neighbor';
      readonly port: string;
      readonly device: string;
      readonly via: 'cdp' | 'lldp';
      readonly platform: string;
    }
  | {
      readonly type: 'switch.power';
      readonly port: string;
      readonly outcome: 'granted' | 'refused' | 'lowered' | 'adjusted' | 'cut' | 'restored';
      readonly milliwatts: number;
    }
  /** Port security: one station too many, and the port is shut (err-disabled). */
  | { readonly type: 'switch.security'; readonly port: string; readonly station: string; readonly maximum: number }
  | { readonly type: 'switch.vlan'; readonly port: string; readonly voiceVlan: string }
  | {
      readonly type: 'dhcp';
      readonly outcome: 'offer' | 'ack' | 'nak' | 'decline' | 'release' | 'inform' | 'expired' | 'no-address';
      readonly client: string;
      readonly address: string;
      readonly server: string;
    }
  | {
      readonly type: 'tftp';
      readonly outcome: 'request' | 'sent' | 'not-found' | 'refused' | 'timeout' | 'aborted';
      readonly file: string;
      readonly client: string;
      readonly server: string;
      readonly octets: number;
    }
  | {
      readonly type: 'http' | 'https';
      readonly outcome: 'request' | 'sent' | 'not-found' | 'refused' | 'busy';
      readonly file: string;
      readonly client: string;
      readonly server: string;
      readonly octets: number;
    }
  | { readonly type: 'dns'; readonly name: string; readonly client: string; readonly answers: number }
  | { readonly type: 'service'; readonly service: string; readonly running: boolean }
  /** On a real wire: somebody else is there. `refused`: the lab does not serve because of it. */
  | {
      readonly type: 'conflict';
      readonly kind: 'dhcp-server' | 'address-in-use' | 'switch';
      readonly detail: string;
      readonly refused: boolean;
    };

export type LabEventSink = (at: Instant, event: LabEvent) => void;

/** Nobody listens. */
export const DEAF = (): void => {};
