/** What `kernel-tcp-process.ts` does on which port; on `closed` nobody listens. */
export const KERNEL_PORTS = {
  sink: 7001,
  source: 7002,
  echo: 7003,
  reset: 7004,
  keepalive: 7005,
  closed: 7009,
} as const;
