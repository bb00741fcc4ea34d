/** Which frames carry which mark, in one table: DSCP of RFC 2474 and the priority of IEEE 802.1Q, as Cisco's phones mark them. */
import type { Mark } from './sockets.ts';

export const MARKS = {
  /** Call signalling: CS3 and priority 3 since CUCM 4. TCP without a mark of its own counts as signalling. */
  signalling: { dscp: 24, priority: 3 },
  /** Everything else. On a tagged VLAN its priority is the one that the VLAN decision names. */
  bestEffort: { dscp: 0, priority: 0 },
} as const satisfies Record<string, Mark>;
