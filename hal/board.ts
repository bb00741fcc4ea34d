import type { Mac } from './nic.ts';
import type { TlsVersion } from './tls.ts';

/** How the phone keeps power at start-up (`protocols/discovery-provisioning.md` 1.1). */
export interface PowerProfile {
  /** 802.3af/at class; null for Cisco pre-standard inline power only. */
  readonly class: 0 | 1 | 2 | 3 | 4 | null;
  /** What the phone announces by CDP 0x0010 once it runs, in milliwatts. */
  readonly consumptionMilliwatts: number;
  /** Levels of the CDP Power Requested TLV (0x0019), highest first; empty when the model does not send it. */
  readonly requestedMilliwatts: readonly number[];
  /** LLDP-MED Extended Power-via-MDI value, in tenths of a watt. */
  readonly lldpTenthsOfWatt: number;
}

/** One model of telephone, as data, so that nothing above the HAL asks what it is running on. */
export interface ModelRow {
  /** As users write it: `7975`. */
  readonly name: string;
  /** As sold and as it calls itself in LLDP-MED and option 60: `CP-7975G`. */
  readonly productId: string;
  /** The CDP Platform TLV: `Cisco IP Phone 7975`. */
  readonly platform: string;
  /** CUCM device type enumeration, the number in SCCP Register and in `loadInformationN`. */
  readonly deviceType: number;
  readonly protocols: readonly ('sccp' | 'sip')[];
  /** Default load name of the images we build, by protocol. */
  readonly loads: Readonly<Partial<Record<'sccp' | 'sip', string>>>;
  readonly lines: number;
  readonly power: PowerProfile;
  readonly cdp: {
    readonly capabilities: number;
    /** Also sent tagged with the voice VLAN once it is known (2.1). */
    readonly taggedToo: boolean;
  };
  readonly lldp: {
    /** False for models that speak CDP only (7940, 7960). */
    readonly supported: boolean;
    readonly ttlSeconds: number;
    /** Octets of the auto-negotiation advertisement are sent bit-reversed (3.1). */
    readonly pmdBitReversed: boolean;
    readonly pmd: number;
    readonly mau: number;
    /** Boot image name reported as firmware revision. */
    readonly firmwareRevision: string;
  };
  readonly dhcp: {
    /** Option 60, on the wire with its trailing NUL where the model sends one. */
    readonly vendorClass: string;
    /** Option 55 in the order sent. */
    readonly parameterRequestList: readonly number[];
  };
  readonly sccp: {
    /** Highest protocol version the model offers; 0 where it has no SCCP load. */
    readonly version: number;
    /** Header version it writes: always 0, or the negotiated one (`protocols/sccp.md` 1.1). */
    readonly headerVersion: 'zero' | 'negotiated';
    /** The feature octets of Register, body offsets 41 to 43. */
    readonly features: readonly [number, number, number];
    readonly instance: number;
    /** Asks the call manager which load it should have; others read that in the configuration file. */
    readonly asksForLoad?: true;
  };
  /** Null where it has no SIP load. What follows from the load's version is the load's own. */
  readonly sip: {
    /** Begins User-Agent, before the version: `Cisco-CP8861`. */
    readonly userAgent: string;
    /** How many loads the flash holds: alarms name one, or the active and the inactive one. */
    readonly banks: 1 | 2;
  } | null;
  /** What its loads speak to servers over TLS: lowest and highest version, and suites by OpenSSL's names. */
  readonly tls: { readonly versions: readonly [TlsVersion, TlsVersion]; readonly ciphers: readonly string[] };
  /** Asks for files by HTTP 6970 before TFTP, unless the tunable `file.transport` says otherwise. */
  readonly http: boolean;
  /** False for models without ITL support (7940, 7960 and other old ones). */
  readonly itl: boolean;
  /** What it does where the call manager does not know it (`protocols/discovery-provisioning.md` 6.5). */
  readonly autoRegistration: {
    /** Registers although the default file says that auto-registration is off, and is rejected. */
    readonly triesWhenDisabled: boolean;
    /** What it shows once it has been rejected. */
    readonly afterReject: 'text' | 'blank';
  };
  /** False for a phone that shows `Configuring IP` until it has its configuration. */
  readonly showsFileSteps: boolean;
  /** Largest line count on the screen and its width in characters. */
  readonly screen: { readonly rows: number; readonly columns: number };
  readonly flashSize: number;
}

/** The board the software finds itself on: data only. */
export interface Board {
  readonly model: ModelRow;
  readonly mac: Mac;
  /** `FCH1402A1B2` form: plant, year, week, four characters. */
  readonly serial: string;
  readonly hardwareRevision: string;
  /** `SEP` and twelve upper-case hexadecimal digits. */
  readonly deviceName: string;
}
