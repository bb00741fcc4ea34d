/** What the command line uses of this room. */

export { Capture } from './capture.ts';
export { Census, type Counts } from './census.ts';
export { type EventListener, EventStream, type StreamEvent } from './event-stream.ts';
export { MOST_PHONES, macPlan, RUNS, runOf } from './mac-plan.ts';
export { type PhonePlan, PlanError } from './phone-maker.ts';
export { PrivateFile, PrivateFileError } from './private-file.ts';
export { EXIT_CONDITIONS, type ExitWhen, Run, type RunOptions, type RunOutcome, type StopReason } from './run.ts';
export type { Verdict } from './verdict.ts';
export { VirtualWorld, type VirtualWorldOptions } from './virtual-world.ts';
export type { World } from './world.ts';
