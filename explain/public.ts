/** What the command line uses of this room. */

export { CaptureError } from './capture-reader.ts';
export { looksLikeTrace, readTrace } from './event-file.ts';
export { type CaptureSummary, explainCapture } from './explain-capture.ts';
export { fileSource, type OctetSource } from './octet-source.ts';
export type { SeenEvent } from './story.ts';
