/** What the fleet and the command line use of the lab. */
export { createLab, type Lab, type LabOptions } from './lab.ts';
