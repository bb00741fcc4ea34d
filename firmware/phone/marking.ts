/** How the phone marks what it sends: the LLDP-MED policy of the switch and the ToS octets of the configuration over the defaults. */

/** 802.1p priority, 0 to 7, and DSCP, 0 to 63. */
export interface Mark {
  readonly priority: number;
  readonly dscp: number;
}

export interface Marking {
  readonly voice: Mark;
  readonly signalling: Mark;
  /** Who had the last word on a DSCP. */
  readonly source: 'default' | 'policy' | 'configuration';
}

/** Audio: priority 5, EF. Signalling: priority 3, CS3, since CUCM 4. */
export const DEFAULT_MARKING: Marking = Object.freeze({
  voice: Object.freeze({ priority: 5, dscp: 46 }),
  signalling: Object.freeze({ priority: 3, dscp: 24 }),
  source: 'default',
});

/** The IPv4 ToS octets of a configuration; null where it has none. */
export interface TosOctets {
  readonly voice: number | null;
  readonly signalling: number | null;
  /** Of requests for files, once there is a configuration; absent in what older loads saved. */
  readonly files?: number | null;
}

export interface MarkingFacts {
  /** Of LLDP-MED, for voice and for voice signalling. */
  readonly voicePolicy: Mark | null;
  readonly signallingPolicy: Mark | null;
  readonly tos: TosOctets | null;
  /** Who wins where both name a DSCP. */
  readonly precedence: 'configuration' | 'policy';
}

/** Priorities are the policy's alone: a configuration has none. */
export function markingOf({ voicePolicy, signallingPolicy, tos, precedence }: MarkingFacts): Marking {
  const configured = tos !== null && (precedence === 'configuration' || voicePolicy === null);
  const mark = (standard: Mark, policy: Mark | null, octet: number | null): Mark => {
    const dscp = configured && octet !== null ? octet >> 2 : (policy?.dscp ?? standard.dscp);
    return { priority: policy?.priority ?? standard.priority, dscp };
  };
  const named = configured && (tos.voice !== null || tos.signalling !== null);
  return {
    voice: mark(DEFAULT_MARKING.voice, voicePolicy, tos?.voice ?? null),
    signalling: mark(DEFAULT_MARKING.signalling, signallingPolicy, tos?.signalling ?? null),
    source: named ? 'configuration' : voicePolicy !== null || signallingPolicy !== null ? 'policy' : 'default',
  };
}

export function sameMarking(a: Marking, b: Marking): boolean {
  const same = (one: Mark, other: Mark) => one.priority === other.priority && one.dscp === other.dscp;
  return a.source === b.source && same(a.voice, b.voice) && same(a.signalling, b.signalling);
}
