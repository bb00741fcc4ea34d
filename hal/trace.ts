/**
 * The events the outside relies on, by name. The board adds `at`, `time` and `phone`; additions are free, a change of a
 * name or a field is a breaking change. Addresses are text here (`10.0.0.5`), for this is where people and scripts read.
 */

export type StageName =
  | 'power'
  | 'image'
  | 'voice-vlan'
  | 'address'
  | 'tftp-server'
  | 'ctl-file'
  | 'itl-file'
  | 'configuration'
  | 'call-manager';

export const STAGE_NAMES: readonly StageName[] = [
  'power',
  'image',
  'voice-vlan',
  'address',
  'tftp-server',
  'ctl-file',
  'itl-file',
  'configuration',
  'call-manager',
];

export type StageOutcome = 'done' | 'skipped' | 'failed';

/** Fields by event type. `reason` on a failed stage is a stable slug such as `dhcp.no-offer`. */
export interface TraceEvents {
  'link.up': { speed: number };
  'link.down': Record<never, never>;
  neighbor: {
    device: string;
    port: string;
    nativeVlan: number | null;
    voiceVlan: number | null;
    via: 'cdp' | 'lldp';
  };
  /** What the neighbor says about frames from the PC port (CDP trust bitmap and CoS), and that it is gone. */
  'neighbor.pc-port': { extendTrust: boolean; untrustedCos: number };
  'neighbor.lost': { device: string; port: string; via: 'cdp' | 'lldp' };
  'power.on': { source: 'poe' | 'external'; class: number | null; allocatedMilliwatts: number | null };
  'power.off': Record<never, never>;
  'power.reset': { reason: string };
  /** The supply's word on power and what the phone makes of it; `low`: nobody speaks of power, the phone keeps to its least. */
  'power.negotiated': {
    via: 'cdp' | 'lldp-med' | '802.3' | 'none';
    availableMilliwatts: number | null;
    drawnMilliwatts: number;
    mode: 'full' | 'lowered' | 'low';
  };
  'boot.handoff': {
    slot: string;
    load: string;
    version: string;
    digest: string;
    signature: string;
    trial: boolean;
  };
  'boot.rejected': { slot: string; reason: string };
  /** The running image has proved itself: it stays, and nothing below this security counter boots any more. */
  'boot.confirmed': { slot: string; load: string; securityCounter: number };
  'stage.enter': { stage: StageName };
  'stage.leave': { stage: StageName; outcome: StageOutcome; reason?: string };
  'vlan.learned': {
    vlan: number | null;
    source: 'cdp' | 'lldp-med' | 'admin' | 'none';
    priority: number;
    dscp: number;
  };
  /** The other protocol named another VLAN and lost. */
  'vlan.overruled': { vlan: number | null; source: 'cdp' | 'lldp-med' | 'admin' | 'none' };
  /** 802.1p priority and DSCP in use, and who said so. */
  marking: {
    voice: { priority: number; dscp: number };
    signalling: { priority: number; dscp: number };
    source: 'default' | 'policy' | 'configuration';
  };
  'dhcp.bound': {
    address: string;
    router: string | null;
    server: string;
    leaseSeconds: number;
    tftp: readonly string[];
    domain: string | null;
    dns: readonly string[];
    /** All default routers and time servers that came with the lease. */
    routers?: readonly string[];
    ntp?: readonly string[];
  };
  /** By the names of the phone's network statistics: `DHCP BOUND`. */
  'dhcp.state': { state: string };
  /** A second server offers an address too: it loses, and is named. */
  'dhcp.other-offer': { server: string; address: string; chosen: string };
  'dhcp.lost': { address: string; reason: string };
  'tftp.server': {
    servers: readonly string[];
    source: 'alternate' | 'option150' | 'option66' | 'siaddr' | 'dns' | 'static';
  };
  /** `peer`: from another phone, by HTTP. */
  'file.request': { name: string; server: string; via: 'tftp' | 'http' | 'https' | 'peer' };
  'file.done': {
    name: string;
    server: string;
    via: 'tftp' | 'http' | 'https' | 'peer';
    outcome: 'received' | 'not-found' | 'timeout' | 'error' | 'too-large';
    bytes: number;
  };
  /** What became of a file that belongs to the configuration: locale, rings, soft keys, dial rules, backgrounds. */
  'file.kept': {
    name: string;
    kind: string;
    outcome: 'kept' | 'unchanged' | 'not-kept' | 'rejected' | 'absent';
    reason?: string;
  };
  'trust.list': {
    list: 'ctl' | 'itl';
    outcome: 'installed' | 'updated' | 'unchanged' | 'absent' | 'rejected' | 'cleared';
    reason?: string;
    signer?: string;
  };
  'config.applied': {
    name: string;
    /** `verified`: whose file it is has been shown, by its signature or as `authenticatedBy` says. */
    signature: 'verified' | 'none';
    /** `tls`: it came unsigned over a connection to a server that the lists or TVS vouch for. */
    authenticatedBy?: 'tls';
    encrypted: boolean;
    protocol: string;
    load: string;
    callManagers: readonly { host: string; port: number; priority: number }[];
    security: 'none' | 'authenticated' | 'encrypted';
    /** True when no server answered and the last good configuration out of flash is used. */
    cached?: boolean;
  };
  /** A file of a new load on its way into flash, each time another tenth of it has come. */
  'load.progress': { load: string; file: string; bytes: number; size: number | null };
  /** `stored`: a vendor's load, whose name is shown from now on while this software goes on running. */
  'load.update': {
    from: string;
    to: string;
    outcome: 'installed' | 'stored' | 'rejected';
    reason?: string;
    detail?: string;
  };
  /** The end of a good start: what the idle screen shows. `elapsed` seconds since power-on. */
  'startup.complete': { elapsed: number; text: readonly string[]; softKeys: readonly string[] };
  /** What a TLS handshake came to; `role` is what the server has to be. `reason` in OpenSSL's words. */
  'tls.handshake': {
    host: string;
    port: number;
    role: string;
    outcome: 'complete' | 'failed';
    version?: string;
    cipher?: string;
    /** Subject of the server's certificate. */
    peer?: string | null;
    /** Which own certificate there was to show. */
    own: 'lsc' | 'mic' | null;
    resumed?: boolean;
    reason?: string;
  };
  /** How call managers are spoken to from now on. `ctl` is `empty` where the list names no call manager; `why` a stable slug. */
  'security.decision': {
    profile: 'none' | 'authenticated' | 'encrypted';
    ctl: 'absent' | 'empty' | 'valid';
    transport: 'tcp' | 'tls' | 'udp';
    why: string;
  };
  /** Whether the phone says anything to that server, and who vouches for it. */
  'tls.peer': {
    host: string;
    port: number;
    role: string;
    outcome: 'accepted' | 'refused';
    by: 'list' | 'tvs' | null;
    reason?: string;
  };
  /** What came of a session with CAPF; `reason` is `done`, a stable slug, or the trouble of the last server. */
  capf: {
    host: string;
    port: number;
    outcome: 'installed' | 'deleted' | 'fetched' | 'none' | 'declined' | 'later' | 'failed';
    reason: string;
  };
  /** The locally significant certificate in flash is another one, or none any more. `key`: `RSA-2048`, `EC-prime256v1`. */
  lsc: { outcome: 'installed' | 'deleted'; subject?: string; issuer?: string; serial?: string; key?: string };
  'callmanager.connect': {
    host: string;
    port: number;
    transport: 'tcp' | 'tls' | 'udp';
    priority: number;
    outcome: 'connected' | 'failed';
    reason?: string;
  };
  /** A connection to a call manager with which the phone is not registered: for failing over to it, or for going back to it. */
  'callmanager.standby': {
    host: string;
    port: number;
    transport: 'tcp' | 'tls' | 'udp';
    priority: number;
    outcome: 'connected' | 'failed' | 'lost';
    reason?: string;
  };
  'registration.accepted': {
    host: string;
    port: number;
    protocol: 'sccp' | 'sip';
    transport: 'tcp' | 'tls' | 'udp';
    lines: readonly string[];
    elapsed: number;
    keepaliveSeconds: number;
  };
  'registration.rejected': { host: string; reason: string };
  /** The call manager took the connection, and no registration came of it. */
  'registration.failed': { host: string; reason: string };
  'registration.lost': { host: string; reason: string };
  /** A call is new, or its state or parties have changed. `call` names it within this phone. */
  'call.state': {
    call: number;
    line: number;
    state: /** Off hook, dial tone, digits being typed. */
      | 'off-hook'
      | 'proceeding'
      | 'ring-out'
      | 'ring-in'
      | 'connected'
      /** Held by us; `remote-hold` by the other side. */
      | 'hold'
      | 'remote-hold'
      | 'transfer'
      | 'busy'
      /** The call manager cannot place it: congestion, or no such number. */
      | 'reorder'
      | 'ended';
    direction: 'in' | 'out';
    from: string;
    to: string;
  };
  /** The call manager is gone, and the call's audio goes on until the user hangs up. */
  'call.preserved': { call: number };
  /** A number that the phone never dials: nothing of it went out, or the call manager's own attempt was ended at once. */
  'call.refused': { line: number; number: string; reason: 'emergency-number' };
  /** The phone begins to talk: `codec` by its SDP name, `ptime` milliseconds in a packet. */
  'media.start': { call: number; codec: string; ptime: number; local: string; remote: string; dscp: number };
  /** Figures of the stream that is over; `jitter` and `latency` (half the round trip by RTCP) in milliseconds. */
  'media.stop': {
    call: number;
    codec: string;
    packetsSent: number;
    packetsReceived: number;
    lost: number;
    jitter: number;
    latency: number;
  };
  'reset.requested': { by: string; kind: 'reset' | 'restart' | 'apply-config' };
  /** `seconds` from the end of one registration to the beginning of the other. */
  /** `seconds` from the end of one registration to the beginning of the other. */
  failover: { from: string; to: string; cause: string; seconds: number };
  failback: { from: string; to: string; cause: string; seconds: number };
  'keepalive.late': { by: number };
  panel: {
    leds: Readonly<Record<string, string>>;
    /** Of the line keys; absent while all are dark. */
    lineLamps?: readonly string[];
    text: readonly string[];
    softKeys: readonly string[];
  };
  status: { message: string };
  fault: { reason: string; detail: string };
}

export type EventType = keyof TraceEvents;

export interface Trace {
  /** Fields are copied or serialised before the call returns. */
  event<T extends EventType>(type: T, fields: TraceEvents[T]): void;
  /** For engineers: one line about why something was ignored or chosen. Dropped unless somebody listens. */
  debug(line: string): void;
}
