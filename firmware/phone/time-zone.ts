/**
 * The time zones of CUCM's configuration files, by the names that Windows gives them. A phone that is told universal time (SIP's Date) shows local time by
 * these; over SCCP the call manager sends local time itself.
 */
import { civilTime, millisecondsOf } from './date-text.ts';

type Summer = 'none' | 'us' | 'eu' | 'au' | 'nz';

/** Minutes east of UTC in winter, and whose rule for summer. */
type Zone = readonly [minutes: number, summer: Summer];

const ZONES: Readonly<Record<string, Zone>> = {
  'Dateline Standard Time': [-720, 'none'],
  'Samoa Standard Time': [-660, 'none'],
  'Hawaiian Standard Time': [-600, 'none'],
  'Alaskan Standard/Daylight Time': [-540, 'us'],
  'Pacific Standard/Daylight Time': [-480, 'us'],
  'US Mountain Standard Time': [-420, 'none'],
  'Mountain Standard/Daylight Time': [-420, 'us'],
  'Central Standard/Daylight Time': [-360, 'us'],
  'Canada Central Standard Time': [-360, 'none'],
  'Mexico Standard Time': [-360, 'none'],
  'Eastern Standard/Daylight Time': [-300, 'us'],
  'US Eastern Standard Time': [-300, 'us'],
  'SA Pacific Standard Time': [-300, 'none'],
  'Atlantic Standard/Daylight Time': [-240, 'us'],
  'SA Western Standard Time': [-240, 'none'],
  'Newfoundland Standard/Daylight Time': [-210, 'us'],
  'SA Eastern Standard Time': [-180, 'none'],
  'E. South America Standard/Daylight Time': [-180, 'none'],
  'Mid-Atlantic Standard/Daylight Time': [-120, 'none'],
  'Azores Standard/Daylight Time': [-60, 'eu'],
  'GMT Standard/Daylight Time': [0, 'eu'],
  'Greenwich Standard Time': [0, 'none'],
  'W. Europe Standard/Daylight Time': [60, 'eu'],
  'Romance Standard/Daylight Time': [60, 'eu'],
  'Central Europe Standard/Daylight Time': [60, 'eu'],
  'Central European Standard/Daylight Time': [60, 'eu'],
  'GTB Standard/Daylight Time': [120, 'eu'],
  'E. Europe Standard/Daylight Time': [120, 'eu'],
  'FLE Standard/Daylight Time': [120, 'eu'],
  'South Africa Standard Time': [120, 'none'],
  'Saudi Arabia Standard Time': [180, 'none'],
  'Arab Standard Time': [180, 'none'],
  'Russian Standard/Daylight Time': [180, 'none'],
  'Iran Standard/Daylight Time': [210, 'none'],
  'Arabian Standard Time': [240, 'none'],
  'Afghanistan Standard Time': [270, 'none'],
  'West Asia Standard Time': [300, 'none'],
  'India Standard Time': [330, 'none'],
  'Central Asia Standard Time': [360, 'none'],
  'SE Asia Standard Time': [420, 'none'],
  'China Standard/Daylight Time': [480, 'none'],
  'Taipei Standard Time': [480, 'none'],
  'Singapore Standard Time': [480, 'none'],
  'W. Australia Standard Time': [480, 'none'],
  'Tokyo Standard Time': [540, 'none'],
  'Korea Standard Time': [540, 'none'],
  'AUS Central Standard Time': [570, 'none'],
  'Cen. Australia Standard/Daylight Time': [570, 'au'],
  'E. Australia Standard Time': [600, 'none'],
  'AUS Eastern Standard/Daylight Time': [600, 'au'],
  'West Pacific Standard Time': [600, 'none'],
  'Central Pacific Standard Time': [660, 'none'],
  'Fiji Standard Time': [720, 'none'],
  'New Zealand Standard/Daylight Time': [720, 'nz'],
};

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds that the zone's clocks are ahead of universal time at that instant (milliseconds since 1970); 0 for a name that is unknown. */
export function zoneOffset(name: string, universal: number): number {
  const zone = Object.hasOwn(ZONES, name) ? ZONES[name]! : ([0, 'none'] as const);
  const [minutes, summer] = zone;
  const winter = minutes * MINUTE;
  return isSummer(summer, winter, universal) ? winter + HOUR : winter;
}

function isSummer(summer: Summer, winter: number, universal: number): boolean {
  if (summer === 'none') return false;
  const { year } = civilTime(universal + winter);
  switch (summer) {
    case 'us':
      return between(universal, sunday(year, 3, 2) + 2 * HOUR - winter, sunday(year, 11, 1) + HOUR - winter);
    case 'eu':
      return between(universal, sunday(year, 3, 'last') + HOUR, sunday(year, 10, 'last') + HOUR);
    case 'au':
      return !between(universal, sunday(year, 4, 1) + 2 * HOUR - winter, sunday(year, 10, 1) + 2 * HOUR - winter);
    case 'nz':
      return !between(universal, sunday(year, 4, 1) + 2 * HOUR - winter, sunday(year, 9, 'last') + 2 * HOUR - winter);
  }
}

function between(at: number, from: number, to: number): boolean {
  return at >= from && at < to;
}

/** Midnight of the n-th or the last Sunday of a month. */
function sunday(year: number, month: number, which: number | 'last'): number {
  const midnight = { year, month, day: 1, hour: 0, minute: 0, second: 0 };
  const first = millisecondsOf(midnight);
  if (which !== 'last') return first + (daysToSunday(first) + (which - 1) * 7) * DAY;
  const next = millisecondsOf(
    month === 12 ? { ...midnight, year: year + 1, month: 1 } : { ...midnight, month: month + 1 },
  );
  return next - 7 * DAY + daysToSunday(next) * DAY;
}

/** Days from a midnight to the Sunday on or after it; 1970-01-01 was a Thursday. */
function daysToSunday(midnight: number): number {
  const weekday = (Math.floor(midnight / DAY) + 4) % 7;
  return (7 - weekday) % 7;
}
