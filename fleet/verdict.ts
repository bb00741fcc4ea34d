import type { StageName } from '../hal/trace.ts';
import type { Journey, Setback } from './journey.ts';

/** The last word on a phone. */
export interface Verdict {
  readonly outcome: 'registered' | 'not-registered' | 'refused';
  /** The step it is in, or did not get beyond. */
  readonly stage: StageName;
  /** Stable slug; `registered` when it is. */
  readonly cause: string;
  readonly text: string;
  /** What to look at, the likeliest first. */
  readonly lookAt: readonly string[];
  /** Name of the load that runs, or ran last; null when nothing was booted. */
  readonly load: string | null;
}

interface Cause {
  readonly text: string;
  readonly lookAt: readonly string[];
  /** The phone is on its way back to a step, or has only begun it: no verdict follows from that yet. */
  readonly passing?: true;
}

const POWER_ADVICE = ['the power budget of the switch', 'PoE on the port', 'an external supply'];
const FAULT_ADVICE = ['the crash log (sepia flash info)', 'the image'];
const DHCP_ADVICE = [
  'the DHCP server and its pool for this VLAN',
  'the relay (ip helper-address) of the voice VLAN',
  'the voice VLAN of the switch port',
];
const TFTP_ADVICE = [
  'option 150 or 66 of the DHCP server',
  'the TFTP service of the call manager',
  'a firewall between phone and server (UDP 69)',
];
const FILE_ADVICE = [
  "the device in the call manager's database",
  'the MAC address in the device name',
  'the TFTP service',
];
const LOAD_ADVICE = [
  'sepia image inspect',
  "the phone's status messages, load.update, boot.rejected and fault among its events",
];
const TRUST_ADVICE = [
  'the CTL and ITL that the server serves (sepia inspect), and those in the phone',
  'whether certificates of the cluster were renewed since the phone has its lists',
  'the setting that erases the lists of the phone',
];
const CALL_MANAGER_ADVICE = [
  'the call manager service',
  'the route to the call managers, and a firewall on TCP 2000 (SCCP) or 5060 (SIP)',
  'processNodeName in the configuration, and DNS if it is a name',
];

/** What reasons of failed stages mean, and what to look at. Reasons are the firmware's own slugs. */
const CAUSES: Readonly<Record<string, Cause>> = {
  'power.none': {
    text: 'The phone got no power.',
    lookAt: POWER_ADVICE,
  },
  'ramp.not-started': { text: 'The phone was not switched on yet.', lookAt: ['--rate', '--timeout'], passing: true },
  'image.none': {
    text: 'Flash holds nothing that can be run.',
    lookAt: ['sepia flash info', 'the signature of the image and the boot keys of the flash'],
  },
  'phone.exception': {
    text: "The phone's software faulted.",
    lookAt: FAULT_ADVICE,
  },
  'phone.watchdog': {
    text: "The phone's software looped and was stopped.",
    lookAt: FAULT_ADVICE,
  },
  'phone.restarts': {
    text: 'The phone starts again and again after the configuration file, before it turns to a call manager.',
    lookAt: [
      'the configuration file, and what in it the load does not survive',
      "the load, and the phone's crash log (sepia flash info)",
      'the power and the link of its port',
    ],
  },
  'shard.out-of-memory': {
    text: 'The shard in which the phone ran needed more memory than it may have, again and again.',
    lookAt: ['the image: does it leak?', '--heap', '--shards, for fewer phones in each'],
  },
  'link.down': {
    text: 'The phone has no link.',
    lookAt: ['the cable', 'whether the interface is up', 'whether the switch port is shut down (port security)'],
    passing: true,
  },
  'vlan.undecided': {
    text: 'The voice VLAN is not decided yet.',
    lookAt: ['CDP and LLDP-MED of the switch port', 'the tunable vlan.totalWait'],
    passing: true,
  },
  'vlan.changed': { text: 'The switch has changed the voice VLAN.', lookAt: ['the switch port'], passing: true },
  'dhcp.no-offer': { text: 'No DHCP server offered an address.', lookAt: DHCP_ADVICE },
  'dhcp.expired': { text: 'The lease ran out and no server renewed it.', lookAt: DHCP_ADVICE, passing: true },
  'dhcp.nak': { text: 'The DHCP server refused the address.', lookAt: DHCP_ADVICE, passing: true },
  'dhcp.conflict': {
    text: 'Somebody else has the address that the DHCP server gave.',
    lookAt: ['static addresses inside the DHCP pool', 'a second DHCP server'],
    passing: true,
  },
  'dhcp.released': {
    text: 'The address was given back at the phone.',
    lookAt: ['DHCP Address Released in the settings menu', 'a reset, which asks for an address again'],
  },
  'static.no-address': { text: 'DHCP is off and no address is set.', lookAt: ['the setting address'] },
  'static.no-mask': { text: 'DHCP is off and no subnet mask is set.', lookAt: ['the setting mask'] },
  'static.no-tftp1': {
    text: 'DHCP is off and no TFTP server is set.',
    lookAt: ['the settings alternateTftp and tftp1'],
  },
  'tftp.no-server': { text: 'Nothing says which TFTP server to ask.', lookAt: TFTP_ADVICE },
  'tftp.timeout': { text: 'No TFTP server answered.', lookAt: TFTP_ADVICE },
  'tftp.error': { text: 'The TFTP server answered with an error.', lookAt: ['the log of the TFTP server'] },
  'config.not-found': { text: 'No server has a configuration file for the phone.', lookAt: FILE_ADVICE },
  'config.malformed': { text: 'The configuration file cannot be read.', lookAt: ['the file that the server serves'] },
  'config.too-large': {
    text: 'The configuration file is larger than the phone takes.',
    lookAt: ['the file', 'the tunable file.maxConfigSize'],
  },
  'config.no-callmanager': {
    text: 'The configuration names no call manager.',
    lookAt: ['callManagerGroup in the configuration file'],
  },
  'autoregister.disabled': {
    text: 'The call manager does not know the phone, and takes no unknown ones.',
    lookAt: FILE_ADVICE,
  },
  'autoregister.refused': {
    text: 'The call manager does not know the phone, and it was not told to register itself.',
    lookAt: ["the device in the call manager's database", '--auto-register'],
  },
  'protocol.not-supported': {
    text: 'The configuration wants another protocol than this load speaks.',
    lookAt: ['the protocol of the device in the call manager', 'the load that it orders'],
  },
  'register.rejected': {
    text: 'The call manager rejected the registration.',
    lookAt: ["the device in the call manager's database", 'its model and protocol', 'the log of the call manager'],
  },
  'tls.unknown-ca': {
    text: 'No call manager could show a certificate that the trust lists of the phone name.',
    lookAt: TRUST_ADVICE,
  },
  'tls.handshake': {
    text: 'TLS with the call managers came to nothing.',
    lookAt: [
      "whether the call manager trusts the issuer of the phone's certificate (CAPF-trust, CallManager-trust)",
      'the security profile of the device',
      'the reason in the events tls.handshake of this phone',
    ],
  },
  'tls.version': {
    text: "This model cannot speak the server's minimum TLS version.",
    lookAt: ['the minimum TLS version of the cluster', 'the model'],
  },
  'callmanager.unreachable': { text: 'No call manager could be reached.', lookAt: CALL_MANAGER_ADVICE },
  'expect.outside': {
    text: 'The network has led the phone where it is not expected.',
    lookAt: ['--expect', 'the interface', 'the voice VLAN of the switch port'],
  },
  'mac.in-use': {
    text: "Somebody else on the wire has the phone's MAC address.",
    lookAt: ['another Sepia on this wire (--run gives other addresses)', '--mac'],
  },
};

/** What a phone that is registered (again) has been through: how its last registration ended, and what to look at. */
const SETBACKS: Readonly<Record<Setback, { readonly why: string; readonly lookAt: readonly string[] }>> = {
  'link.down': {
    why: 'the link went down',
    lookAt: ['the cable', 'the switch port, its speed and its error counters'],
  },
  'power.off': { why: 'its power was taken away', lookAt: POWER_ADVICE },
  'address.lost': { why: 'it lost its address', lookAt: DHCP_ADVICE },
  'vlan.changed': { why: 'the switch changed the voice VLAN', lookAt: ['the voice VLAN of the switch port'] },
  'reset.requested': {
    why: 'the call manager asked it to start over',
    lookAt: ['who pressed Reset or Restart at the call manager (its audit log)', 'changes of its configuration there'],
  },
  'callmanager.lost': { why: 'the call manager was lost', lookAt: CALL_MANAGER_ADVICE },
  'phone.fault': { why: 'its software faulted', lookAt: FAULT_ADVICE },
  'started-over': {
    why: 'it started over',
    lookAt: ['the cable and the switch port', 'the power of the port', "the phone's status messages and crash log"],
  },
};

const DUPLICATE_ADVICE = [
  'who else has the address (the ARP and MAC address tables of router and switch)',
  'static addresses inside the DHCP pool',
];

/** A phone that has not failed yet but does not come further: what it waits for, by stage. */
const WAITING_FOR: Readonly<Record<StageName, string>> = {
  power: 'power.none',
  image: 'image.none',
  'voice-vlan': 'vlan.undecided',
  address: 'dhcp.no-offer',
  'tftp-server': 'tftp.no-server',
  'ctl-file': 'tftp.timeout',
  'itl-file': 'tftp.timeout',
  configuration: 'tftp.timeout',
  'call-manager': 'callmanager.unreachable',
};

/** Files that a phone does without. */
const OPTIONAL: ReadonlySet<StageName> = new Set(['ctl-file', 'itl-file']);

/** What is to be said of a phone as it stands. */
export function verdictOf(journey: Journey): Verdict {
  return { ...wordOn(journey), load: journey.load };
}

type Word = Omit<Verdict, 'load'>;

function wordOn(journey: Journey): Word {
  const { stage, detail, refusal, abandonment } = journey;
  if (refusal !== null) return said('refused', stage ?? 'power', refusal, null);
  if (abandonment !== null) return said('not-registered', 'image', abandonment, null);
  if (journey.state === 'registered') return registered(journey);
  if (journey.state === 'unstarted') return said('not-registered', 'power', 'ramp.not-started', null);
  if (journey.state === 'dark') return said('not-registered', 'power', 'power.none', null);
  if (journey.state === 'halted') return said('not-registered', 'image', 'image.none', detail);
  const failure = lastingFailure(journey);
  if (failure !== null) return said('not-registered', failure.stage, failure.reason, detail);
  const at = stage ?? 'power';
  const cause = at === 'voice-vlan' && !journey.linkUp ? 'link.down' : WAITING_FOR[at];
  return said('not-registered', at, cause, null);
}

/** Whether the verdict will not change by waiting for what the phone does now: it is registered, or a step it cannot do without has failed. */
export function isDecided(journey: Journey): boolean {
  const { state, refusal, abandonment } = journey;
  if (journey.hasArrived || state === 'halted' || refusal !== null || abandonment !== null) return true;
  // What fails on a trial boot is overcome by going back to the old load.
  const failure = state === 'starting' && !journey.onTrial ? lastingFailure(journey) : null;
  return failure !== null && isFinal(failure.reason);
}

/** There may be something to look at all the same. */
function registered(journey: Journey): Word {
  const { loadRefusal, hasDuplicateAddress, setback, losses } = journey;
  const sentences = [registeredText(journey)];
  const lookAt = loadRefusal === null ? [] : [...LOAD_ADVICE];
  if (hasDuplicateAddress) {
    sentences.push('Somebody else uses its address.');
    lookAt.push(...DUPLICATE_ADVICE);
  }
  if (setback !== null) {
    const times = losses === 1 ? 'once' : `${losses} times, the last time`;
    sentences.push(`It lost its registration ${times} because ${SETBACKS[setback].why}.`);
    lookAt.push(...SETBACKS[setback].lookAt);
  }
  return { outcome: 'registered', stage: 'call-manager', cause: 'registered', text: sentences.join(' '), lookAt };
}

function registeredText({ load, orderedLoad, loadRefusal }: Journey): string {
  if (orderedLoad === null) return 'The phone is registered.';
  if (load === orderedLoad) return `The phone is registered with ${load}.`;
  return `The phone is registered, but with ${load}: it has not taken ${orderedLoad} (${loadRefusal ?? 'not asked for yet'}).`;
}

/** Files that the phone has refused: what follows is the reason of `sepia inspect`. */
const TRUST = 'trust.';

function trustCause(cause: string): Cause {
  return { text: `The phone refused the configuration file (${cause.slice(TRUST.length)}).`, lookAt: TRUST_ADVICE };
}

/** Trust is what failed, on either side. */
export function isTrustRefused(cause: string): boolean {
  return cause.startsWith(TRUST) || cause === 'tls.unknown-ca' || cause === 'tls.handshake';
}

function lastingFailure({ failure }: Journey): Journey['failure'] {
  return failure === null || OPTIONAL.has(failure.stage) ? null : failure;
}

/** An edge back to an earlier step (`registration.closed`, `restart`) is no verdict; every other failure is, also one that this table does not know. */
function isFinal(reason: string): boolean {
  if (reason.startsWith('registration.') || reason === 'restart') return false;
  return CAUSES[reason]?.passing !== true;
}

function said(outcome: Verdict['outcome'], stage: StageName, cause: string, detail: string | null): Word {
  const known = CAUSES[cause] ?? (cause.startsWith(TRUST) ? trustCause(cause) : undefined);
  const text = known?.text ?? `The step ${stage} failed: ${cause}.`;
  return {
    outcome,
    stage,
    cause,
    text: detail === null ? text : `${text.slice(0, -1)}: ${detail}`,
    lookAt: known?.lookAt ?? ['the events of this phone (--trace FILE)'],
  };
}
