/** What a bench found out: one row a figure. */
export interface BenchRow {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** What the figure should be, in words: `<= 1 ms`. */
  readonly aim?: string;
}

/** Each file in this room exports `async function run(): Promise<BenchResult>`. */
export interface BenchResult {
  readonly name: string;
  readonly rows: readonly BenchRow[];
}

/** The table that a bench prints when it is run by itself. */
export function formatBench({ name, rows }: BenchResult): string {
  const width = Math.max(...rows.map(({ metric }) => metric.length));
  const lines = rows.map(({ metric, value, unit, aim }) => {
    const figure = value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
    return `  ${metric.padEnd(width)}  ${figure.padStart(12)} ${unit}${aim === undefined ? '' : `   (aim ${aim})`}`;
  });
  return [name, ...lines].join('\n');
}
