import { BootReport, type PhoneReport } from '../../cli/boot-report.ts';
import { explainCapture } from '../../explain/explain-capture.ts';
import { memorySource } from '../../explain/octet-source.ts';
import { Journey } from '../../fleet/journey.ts';
import { type Verdict, verdictOf } from '../../fleet/verdict.ts';
import type { EventType } from '../../hal/trace.ts';
import { enhancedPacket, interfaceDescription, sectionHeader } from '../../hal/virtual/pcapng.ts';
import { tap } from '../../hal/virtual/tap.ts';
import { TestWorld, type TestWorldOptions } from './test-world.ts';

/** A world whose wires are written into a capture, as `--pcap` does it. */
export interface CapturedWorld {
  readonly world: TestWorld;
  /** The capture so far. */
  capture(): Uint8Array;
}

export function capturedWorld(options: TestWorldOptions = {}): CapturedWorld {
  const blocks: Uint8Array[] = [sectionHeader('test')];
  let interfaces = 0;
  const world = new TestWorld({
    ...options,
    wire: (wire, _phone, timeline) => {
      const number = interfaces++;
      blocks.push(interfaceDescription(`phone${number}`));
      return tap(wire, timeline, ({ at, direction, bytes }) => {
        blocks.push(enhancedPacket({ interface: number, time: at, direction, bytes }));
      });
    },
  });
  // A copy: slices of a Buffer share its octets.
  return { world, capture: () => new Uint8Array(Buffer.concat(blocks)) };
}

/** What the frames alone say about each phone. */
export function reportsOn(capture: Uint8Array): PhoneReport[] {
  const reports = new Map<string, BootReport>();
  const event = (seen: Parameters<BootReport['hear']>[0] & { phone: string }) => {
    const report = reports.get(seen.phone) ?? new BootReport(seen.phone);
    reports.set(seen.phone, report);
    report.hear(seen);
  };
  explainCapture(() => memorySource(capture), { event, message: () => {} });
  return [...reports.values()].map((report) => report.report());
}

/** What the first phone has told itself. */
export function ownVerdict(world: TestWorld): Verdict {
  const journey = new Journey(world.phone.board.deviceName);
  journey.begin();
  for (const { at, type, fields } of world.events) journey.hear(at * 1e6, type as EventType, fields as never);
  return verdictOf(journey);
}
