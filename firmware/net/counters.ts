/**
 * Why the stack dropped a frame, a packet or a segment: one count a reason, in the order of a frame's way up and down. Written out, since in an object
 * made of entries every count is a search.
 */
export function noDrops() {
  return {
    malformed: 0,
    'vlan-undecided': 0,
    'other-vlan': 0,
    'unknown-ethertype': 0,
    'not-for-us': 0,
    'bad-source': 0,
    'fragment-limit': 0,
    'bad-checksum': 0,
    'no-protocol': 0,
    'no-socket': 0,
    'backlog-full': 0,
    'link-down': 0,
    'no-address': 0,
    'no-route': 0,
    'neighbor-queue': 0,
    'neighbor-failed': 0,
    'too-long': 0,
  };
}

export type Drops = ReturnType<typeof noDrops>;
