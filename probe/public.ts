/** What the command line uses of this room. */
export type { Finding, FindingState } from './finding.ts';
export { Preflight, type PreflightOptions, type StaticAddress } from './preflight.ts';
export type { FileContents } from './service-findings.ts';
