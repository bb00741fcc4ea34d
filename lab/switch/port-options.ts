/** What an administrator configures on a switch port. Thousands of ports share one such object. */

/** `switchport voice vlan …`: a VLAN, frames with priority but no VLAN, no tags, or no word about voice at all. */
export type VoiceVlan = number | 'dot1p' | 'untagged' | 'none';

export interface PortOptions {
  /** `access`: one VLAN without tags and perhaps a voice VLAN with them. `trunk`: every VLAN with its tag, the native one without. */
  readonly mode: 'access' | 'trunk';
  /** The access VLAN, or a trunk's native VLAN. */
  readonly nativeVlan: number;
  readonly voiceVlan: VoiceVlan;
  /** What the LLDP-MED policy names instead, where somebody has configured the two apart; CDP and the port itself keep to `voiceVlan`. */
  readonly policyVlan?: number;
  /** `plain` knows nothing of CDP and floods it like any other multicast. */
  readonly vendor: 'cisco' | 'plain';
  readonly cdp: boolean;
  readonly lldp: boolean;
  /** Power over Ethernet on this port. */
  readonly poe: boolean;
  /** Protected ports exchange no frames with each other (`switchport protected`). */
  readonly protected: boolean;
  /** `switchport priority extend trust`: the phone leaves the priority of its PC port's frames alone. */
  readonly trustPcPort: boolean;
  /** `switchport priority extend cos N`: what it writes there otherwise. */
  readonly pcPortCos: number;
  /**
   * `switchport port-security maximum N`: stations that the port learns, counted in each VLAN; one more shuts the port (`violation shutdown`). Null is
   * without. A phone that speaks CDP tagged as well is a station in two VLANs.
   */
  readonly maximumStations: number | null;
  /** LLDP-MED policy for voice and for voice signalling: 802.1p priority and DSCP. */
  readonly voiceMark: { readonly priority: number; readonly dscp: number };
  readonly signalingMark: { readonly priority: number; readonly dscp: number };
}

/** A phone port of a Cisco switch with voice VLAN 100. */
export const PHONE_PORT: PortOptions = Object.freeze({
  mode: 'access',
  nativeVlan: 1,
  voiceVlan: 100,
  vendor: 'cisco',
  cdp: true,
  lldp: true,
  poe: true,
  protected: false,
  trustPcPort: false,
  pcPortCos: 0,
  maximumStations: null,
  voiceMark: Object.freeze({ priority: 5, dscp: 46 }),
  signalingMark: Object.freeze({ priority: 3, dscp: 24 }),
});

/** A port for a server in one VLAN: it hears no announcements, so that a server need not ignore them. */
export function serverPort(vlan: number): PortOptions {
  return Object.freeze({
    ...PHONE_PORT,
    nativeVlan: vlan,
    voiceVlan: 'none',
    cdp: false,
    lldp: false,
    poe: false,
    protected: false,
  });
}

/** Throws on what no switch would take: options come from program text or from a checked plan. */
export function checkPortOptions(options: PortOptions): void {
  const vlans = [options.nativeVlan, ...(typeof options.voiceVlan === 'number' ? [options.voiceVlan] : [])];
  for (const vlan of vlans) {
    if (!Number.isInteger(vlan) || vlan < 1 || vlan > 4094) throw new Error(`no VLAN: ${vlan}`);
  }
}
