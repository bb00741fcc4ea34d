import { describe, expect, it } from 'vitest';
import { zoneOffset } from './time-zone.ts';

/** The host's own tables are the judge, hour by hour around every change of a year. */
function hostOffsets(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (at) => {
    const parts = format.formatToParts(at);
    const [year, month, day, hour, minute, second] = ['year', 'month', 'day', 'hour', 'minute', 'second'].map((type) =>
      Number(parts.find((part) => part.type === type)!.value),
    );
    return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - at;
  };
}

describe('offsets from universal time are those of the host', () => {
  it.each([
    ['W. Europe Standard/Daylight Time', 'Europe/Berlin'],
    ['GMT Standard/Daylight Time', 'Europe/London'],
    ['Pacific Standard/Daylight Time', 'America/Los_Angeles'],
    ['Eastern Standard/Daylight Time', 'America/New_York'],
    ['Newfoundland Standard/Daylight Time', 'America/St_Johns'],
    ['AUS Eastern Standard/Daylight Time', 'Australia/Sydney'],
    ['New Zealand Standard/Daylight Time', 'Pacific/Auckland'],
    ['India Standard Time', 'Asia/Kolkata'],
    ['US Mountain Standard Time', 'America/Phoenix'],
  ])('%s as %s', (name, zone) => {
    const hostOffset = hostOffsets(zone);
    const differing: string[] = [];
    for (let year = 2024; year <= 2027; year++) {
      for (let at = Date.UTC(year, 0, 1); at < Date.UTC(year + 1, 0, 1); at += 3_600_000 * 5) {
        if (zoneOffset(name, at) !== hostOffset(at)) differing.push(new Date(at).toISOString());
      }
    }
    expect(differing).toEqual([]);
  });

  it('is universal time for a name that nobody knows', () => {
    expect(zoneOffset('Middle-earth Standard Time', Date.UTC(2026, 6, 1))).toBe(0);
  });
});
