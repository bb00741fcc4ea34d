/** What the command line uses of this room. */

export { type Calibrated, Calibration, calibrationText, type Observed } from './calibration.ts';
export { CaptureError } from './capture-reader.ts';
export { compareBoots, type Difference, MOST_MESSAGES } from './compare.ts';
export { looksLikeTrace, readTrace } from './event-file.ts';
export { type CaptureListener, type CaptureSummary, explainCapture } from './explain-capture.ts';
export { fileSource, type OctetSource } from './octet-source.ts';
export type { SeenMessage } from './story.ts';
