/** Why the stack dropped a frame, a packet or a segment: one count a reason, in the order of a frame's way up and down. */

export const DROP_REASONS = [
  'malformed',
  'vlan-undecided',
  'other-vlan',
  'unknown-ethertype',
  'not-for-us',
  'bad-source',
  'fragment-limit',
  'bad-checksum',
  'no-protocol',
  'no-socket',
  'backlog-full',
  'link-down',
  'no-address',
  'no-route',
  'neighbor-queue',
  'neighbor-failed',
  'too-long',
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

export type Drops = Record<DropReason, number>;

export function noDrops(): Drops {
  return Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Drops;
}
