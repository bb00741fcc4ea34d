/** What a fleet and the threads of its shards say to each other. */
import type { Mac } from '../hal/nic.ts';
import type { Instant } from '../hal/timer.ts';
import type { EventType, TraceEvents } from '../hal/trace.ts';
import type { TunableValues } from '../hal/tunables.ts';
import type { LabOptions, Load } from '../lab/public.ts';
import type { CallNews } from './call-measurements.ts';
import type { ExitWhen, GeneratorHealth } from './run.ts';

/** The phones of one shard, all alike but for their addresses, and the world they live in. Plain data: it crosses into another thread. */
export interface ShardPlan {
  /** Name of the model. */
  readonly model: string;
  readonly protocol: 'sccp' | 'sip';
  readonly macs: readonly Mac[];
  /** Directory number of the first of them. */
  readonly firstNumber: number;
  readonly seed: string | number;
  /** Phones a second. */
  readonly rate: number;
  readonly exitWhen: ExitWhen;
  readonly tunables: TunableValues;
  readonly allowUnsigned: boolean;
  /** Calendar time of the world's beginning, milliseconds since 1970. */
  readonly epoch: number;
  readonly lab: Pick<LabOptions, 'security'>;
  /** What the lab's call manager orders. */
  readonly upgrade: Load | null;
  /** Calls a second between pairs of its phones, and seconds of each; null for none. */
  readonly calls: { readonly rate: number; readonly talk: number } | null;
  /** Only events of these types are told; null tells all. */
  readonly types: readonly EventType[] | null;
}

/**
 * What the census and the measurements of a fleet live on, and what is told of each phone in any case. Without `status`, which is several events a boot: of all status
 * messages a journey heeds `Duplicate IP` alone, and nobody else is on the wires of a shard.
 */
export const SHARD_TYPES = [
  'power.on',
  'power.off',
  'power.reset',
  'boot.handoff',
  'boot.confirmed',
  'load.update',
  'link.up',
  'link.down',
  'dhcp.lost',
  'stage.enter',
  'stage.leave',
  'callmanager.connect',
  'registration.accepted',
  'registration.rejected',
  'registration.lost',
  'reset.requested',
  'fault',
] as const satisfies readonly EventType[];

/** One event: device name, and what the sinks of a phone hear. */
export type ShardEvent = readonly [phone: string, at: Instant, type: EventType, fields: TraceEvents[EventType]];

export type FromShard =
  | { readonly kind: 'started'; readonly index: number; readonly at: Instant }
  | { readonly kind: 'events'; readonly events: readonly ShardEvent[] }
  | { readonly kind: 'calls'; readonly news: readonly CallNews[] }
  /** The last thing that a shard says. */
  | { readonly kind: 'ended'; readonly health: GeneratorHealth };

/** `leave`: phones unregister and give their leases back first. */
export type ToShard = 'leave' | 'end';
