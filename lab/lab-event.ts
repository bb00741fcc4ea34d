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
  | { readonly type: 'dns'; readonly name: string; readonly client: string; readonly answers: number }
  | { readonly type: 'service'; readonly service: string; readonly running: boolean }
  | { readonly type: 'refused'; readonly reason: string; readonly detail: string };

export type LabEventSink = (at: Instant, event: LabEvent) => void;

/** Nobody listens. */
export const DEAF: LabEventSink = () => {};

export function ipv4Text(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

export function macText(mac: number): string {
  const digits = mac.toString(16).padStart(12, '0');
  return digits.replace(/(..)(?=.)/g, '$1:');
}

/** Reads `10.0.0.1`; null for anything else. */
export function parseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let address = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return null;
    address = address * 256 + Number(part);
  }
  return address;
}
