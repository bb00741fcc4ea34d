/** What the command line uses of this room. */

export { AddressList } from './address-list.ts';
export { CallMeasurements } from './call-measurements.ts';
export { type CallResult, CallScript } from './call-script.ts';
export { Capture } from './capture.ts';
export { Census, type Counts } from './census.ts';
export { type EventListener, EventStream, type StreamEvent } from './event-stream.ts';
export { type FleetResultFacts, fleetResult } from './fleet-result.ts';
export { hostFacts } from './host-facts.ts';
export { Journey } from './journey.ts';
export { MOST_PHONES, macPlan, RUNS, runOf } from './mac-plan.ts';
export { type NicName, parseNic, reachesOthers } from './nic-name.ts';
export { type PhonePlan, PlanError } from './phone-maker.ts';
export { PrivateFile, PrivateFileError } from './private-file.ts';
export { RealRules } from './real-rules.ts';
export { type OutsideWire, openWire, RealWorld, type RealWorldOptions } from './real-world.ts';
export { refuseCount, refuseInterface, warnOfMac } from './refusals.ts';
export {
  EXIT_CONDITIONS,
  type ExitWhen,
  Run,
  type Running,
  type RunOptions,
  type RunOutcome,
  type StopReason,
} from './run.ts';
export { SHARD_TYPES, type ShardPlan } from './shard-messages.ts';
export { ShardedRun } from './sharded-run.ts';
export { isTrustRefused, type Verdict, verdictOf } from './verdict.ts';
export { FIRST_NUMBER, VirtualWorld, type VirtualWorldOptions } from './virtual-world.ts';
export type { World } from './world.ts';
