import { UNSIGNED } from '../bootloader/verify.ts';
import type { StreamEvent } from '../fleet/public.ts';
import type { StageName, TraceEvents } from '../hal/trace.ts';

/** What the nine steps are called for people. */
export const STAGE_TITLES: Readonly<Record<StageName, string>> = {
  power: 'Power',
  image: 'Stored image',
  'voice-vlan': 'Voice VLAN',
  address: 'IP address',
  'tftp-server': 'TFTP server',
  'ctl-file': 'CTL file',
  'itl-file': 'ITL file',
  configuration: 'Configuration',
  'call-manager': 'Call manager',
};

const VLAN_SOURCES = { cdp: 'CDP', 'lldp-med': 'LLDP-MED', admin: 'the settings', none: 'nobody' } as const;
const TFTP_SOURCES = {
  alternate: 'alternate, from the settings',
  option150: 'DHCP option 150',
  option66: 'DHCP option 66',
  siaddr: 'DHCP siaddr',
  dns: 'CiscoCM1 in DNS',
  static: 'from the settings',
} as const;

const SECONDS_A_DAY = 86_400;
const SECONDS_AN_HOUR = 3_600;

/** Gathers, from the events of one phone, what each step has learned, in words. */
export class Learned {
  readonly #texts = new Map<StageName, string>();
  #neighbor: TraceEvents['neighbor'] | null = null;
  #file = '';

  /** Empty while the step has learned nothing. */
  of(stage: StageName): string {
    return this.#texts.get(stage) ?? '';
  }

  hear(event: StreamEvent): void {
    // An event has the fields of its type.
    const fields = event as unknown;
    switch (event.type) {
      case 'stage.enter':
        this.#texts.delete((fields as TraceEvents['stage.enter']).stage);
        return;
      case 'power.on':
        this.#texts.set('power', powerText(fields as TraceEvents['power.on']));
        return;
      case 'boot.handoff':
        this.#texts.set('image', imageText(fields as TraceEvents['boot.handoff']));
        return;
      case 'boot.rejected':
        this.#texts.set(
          'image',
          `slot ${(fields as TraceEvents['boot.rejected']).slot}: ${(fields as TraceEvents['boot.rejected']).reason}`,
        );
        return;
      case 'neighbor':
        this.#neighbor ??= fields as TraceEvents['neighbor'];
        return;
      case 'vlan.learned':
        this.#texts.set('voice-vlan', this.#vlanText(fields as TraceEvents['vlan.learned']));
        return;
      case 'dhcp.bound':
        this.#texts.set('address', leaseText(fields as TraceEvents['dhcp.bound']));
        return;
      case 'tftp.server': {
        const { servers, source } = fields as TraceEvents['tftp.server'];
        this.#texts.set('tftp-server', `${servers.join(', ')} (${TFTP_SOURCES[source]})`);
        return;
      }
      case 'file.done':
        this.#file = fileText(fields as TraceEvents['file.done']);
        return;
      case 'trust.list': {
        const { list, outcome, signer } = fields as TraceEvents['trust.list'];
        const by = signer === undefined ? '' : `, signed by ${signer}`;
        this.#texts.set(
          list === 'ctl' ? 'ctl-file' : 'itl-file',
          outcome === 'absent' ? this.#file : `${outcome}${by}`,
        );
        return;
      }
      case 'config.applied':
        this.#texts.set('configuration', this.#configurationText(fields as TraceEvents['config.applied']));
        return;
      case 'registration.accepted':
        this.#texts.set('call-manager', registrationText(fields as TraceEvents['registration.accepted']));
        return;
      case 'registration.rejected':
        this.#texts.set('call-manager', `rejected: ${(fields as TraceEvents['registration.rejected']).reason}`);
        return;
      default:
        return;
    }
  }

  #vlanText({ vlan, source }: TraceEvents['vlan.learned']): string {
    const what = vlan === null ? 'untagged' : `VLAN ${vlan}`;
    const neighbor = this.#neighbor;
    const where = neighbor === null ? '' : `, ${neighbor.device} ${neighbor.port}`;
    return `${what} by ${VLAN_SOURCES[source]}${where}`;
  }

  #configurationText({ name, callManagers, cached }: TraceEvents['config.applied']): string {
    const managers = `${callManagers.length} call manager${callManagers.length === 1 ? '' : 's'}`;
    return cached === true ? `${name} out of flash, ${managers}` : `${this.#file}, ${managers}`;
  }
}

function powerText({ source, class: powerClass, allocatedMilliwatts }: TraceEvents['power.on']): string {
  if (source === 'external') return 'external supply';
  const watts = allocatedMilliwatts === null ? '' : `, ${allocatedMilliwatts / 1000} W`;
  return `PoE ${powerClass === null ? 'pre-standard' : `class ${powerClass}`}${watts}`;
}

function imageText({ slot, load, signature, trial }: TraceEvents['boot.handoff']): string {
  const by = signature === UNSIGNED ? 'UNSIGNED: nobody vouches for it' : `signed by "${signature}"`;
  return `${load} in slot ${slot}, ${by}${trial ? ', on trial' : ''}`;
}

function leaseText({ address, router, server, leaseSeconds }: TraceEvents['dhcp.bound']): string {
  const via = router === null ? '' : `, router ${router}`;
  return `${address}${via}, by ${server} for ${spanText(leaseSeconds)}`;
}

function fileText({ name, outcome, bytes }: TraceEvents['file.done']): string {
  return outcome === 'received' ? `${name}, ${bytes} octets` : `${name}: ${outcome}`;
}

function registrationText({ host, port, protocol, lines }: TraceEvents['registration.accepted']): string {
  return `${host}:${port} by ${protocol.toUpperCase()}, line${lines.length === 1 ? '' : 's'} ${lines.join(', ')}`;
}

function spanText(seconds: number): string {
  if (seconds >= 0xffff_ffff) return 'ever';
  if (seconds % SECONDS_A_DAY === 0) return `${seconds / SECONDS_A_DAY} d`;
  if (seconds % SECONDS_AN_HOUR === 0) return `${seconds / SECONDS_AN_HOUR} h`;
  return `${seconds} s`;
}
