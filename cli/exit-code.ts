/** What a command's exit code says. Scripts rely on the numbers. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  timedOut: 3,
  machineLacks: 4,
  refused: 5,
  rejected: 6,
  trustRefused: 7,
  thresholdMissed: 99,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
